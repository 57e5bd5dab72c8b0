-- The registry's first schema. Times are unix seconds; the views show them as text. Nothing here holds a URL, a
-- signature, a session token or a secret.

-- One row: which registry this is, and since when.
CREATE TABLE registry (
  instance TEXT NOT NULL,           -- eight characters, in every id
  created_at INTEGER NOT NULL,
  kept_at INTEGER NOT NULL,         -- the last step of retention
  last_forgotten INTEGER NOT NULL DEFAULT 0 -- no URL number up to here is given again
) STRICT;

-- Generations go on counting when the sessions of an identity are long forgotten.
CREATE TABLE identities (
  name TEXT PRIMARY KEY,
  generations INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Credentials for a while. URLs hang below them: what ends a session ends its URLs.
CREATE TABLE sessions (
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- "<instance>-<number>" is its id; never given twice
  identity TEXT NOT NULL,
  generation INTEGER NOT NULL,      -- counts per identity
  access_key_id TEXT NOT NULL,
  kind TEXT NOT NULL,               -- long-term-key, assume-role, …
  partition TEXT NOT NULL,
  account TEXT NOT NULL,
  principal_arn TEXT NOT NULL,
  principal_unique_id TEXT NOT NULL,
  session_name TEXT NOT NULL,
  source_identity TEXT NOT NULL,
  session_policy_sha256 TEXT NOT NULL,
  tags TEXT NOT NULL,               -- JSON: [["name","value"],…]
  parent INTEGER,                   -- the session that minted this one, where this registry knows it
  parent_access_key_id TEXT NOT NULL,
  issued_not_before INTEGER,        -- STS does not tell the issue time: an interval
  issued_not_after INTEGER NOT NULL,
  expires_at INTEGER,               -- NULL: a long-term key
  expiry_is_exact INTEGER NOT NULL, -- 0: taken from an SDK that may rewrite it
  enrolled_at INTEGER NOT NULL,
  last_url_ends_at INTEGER,         -- the last hard end below this session; kept by the writer
  urls_issued INTEGER NOT NULL DEFAULT 0,
  urls_forgotten INTEGER NOT NULL DEFAULT 0, -- of those issued; the others are rows
  first_url INTEGER,                -- all its URLs lie between these two numbers
  last_url INTEGER,
  UNIQUE (identity, generation)
) STRICT;
CREATE INDEX sessions_by_key ON sessions (access_key_id);

-- Dictionaries: small integers in the rows that come by the million.
CREATE TABLE buckets (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE         -- as callers name it: a name, an alias or an access point ARN
) STRICT;

CREATE TABLE callers (
  number INTEGER PRIMARY KEY,
  uid INTEGER NOT NULL,
  gid INTEGER NOT NULL,
  executable TEXT NOT NULL,         -- empty: not seen
  UNIQUE (uid, gid, executable)
) STRICT;

-- One row for each issued URL or form, in the order of issue.
CREATE TABLE urls (
  number INTEGER PRIMARY KEY,       -- "<instance>-<number>" is its id
  session INTEGER NOT NULL,         -- sessions.number
  signed_at INTEGER NOT NULL,       -- X-Amz-Date
  expires_in INTEGER NOT NULL,      -- X-Amz-Expires, seconds
  usable_until INTEGER NOT NULL,    -- the hard end
  limited_by TEXT NOT NULL,
  operation TEXT NOT NULL,          -- GetObject, …; PostObject for a form
  method TEXT NOT NULL,
  bucket INTEGER NOT NULL,          -- buckets.number
  key TEXT,                         -- NULL: on the bucket. For a form: its key, or the beginning of its keys
  query TEXT NOT NULL,              -- JSON: [["name","value"],…], unencoded
  headers TEXT NOT NULL,            -- JSON: [["name","value"],…], signed beside host; no SSE-C key
  form TEXT,                        -- JSON: conditions of a POST policy; NULL for a URL
  addressing TEXT NOT NULL,         -- auto, virtual-host or path; then +dual-stack, +fips, +accelerate
  region TEXT NOT NULL,
  host TEXT NOT NULL,
  tagged INTEGER NOT NULL,
  fingerprint BLOB NOT NULL,        -- first 16 bytes of SHA-256 of the signature's hexadecimal text
  caller INTEGER NOT NULL,          -- callers.number
  pid INTEGER,
  on_behalf_of TEXT NOT NULL,
  labels TEXT NOT NULL,             -- JSON: [["name","value"],…]
  replaces TEXT                     -- id of the record that this one follows
) STRICT;
-- Both grow at their right edge or in few places: no index here is in random order, so a write touches few pages
-- whatever the number of rows. A leaked URL is found by its key id (sessions_by_key) and date, then by fingerprint.
CREATE INDEX urls_by_session ON urls (session, signed_at, usable_until);
CREATE INDEX urls_by_end ON urls (usable_until);

-- Request ids of the last ten minutes: small, so its random order stays in the cache.
CREATE TABLE requests (
  uid INTEGER NOT NULL,
  request_id TEXT NOT NULL,
  asked_sha256 BLOB NOT NULL,       -- tells a repeated call from another call under the same id
  url INTEGER NOT NULL,             -- urls.number
  at INTEGER NOT NULL,
  PRIMARY KEY (uid, request_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_by_time ON requests (at);

-- For people with the sqlite3 shell.
CREATE VIEW issued AS
SELECT
  (SELECT instance FROM registry) || '-' || u.number AS id,
  s.identity,
  s.generation,
  s.access_key_id,
  u.operation,
  b.name AS bucket,
  u.key,
  datetime(u.signed_at, 'unixepoch') AS signed_at,
  datetime(u.usable_until, 'unixepoch') AS usable_until,
  u.limited_by,
  c.uid,
  c.executable,
  u.on_behalf_of,
  u.labels,
  u.replaces
FROM urls u
JOIN sessions s ON s.number = u.session
JOIN buckets b ON b.number = u.bucket
JOIN callers c ON c.number = u.caller;
