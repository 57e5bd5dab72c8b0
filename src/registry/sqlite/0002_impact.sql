-- What impact and rotation ask: how much is outstanding of what, what operators decided, what happened, what was seen.

-- Outstanding URLs by quarter of an hour of hard ends: slot n holds those that end after n * 900 and not after
-- (n + 1) * 900. Kept by the writer in the transaction of the records; rows of slots that have passed are dropped. A
-- session's rows lie together.
CREATE TABLE tallies (
  session INTEGER NOT NULL,         -- sessions.number
  slot INTEGER NOT NULL,
  bucket INTEGER NOT NULL,          -- buckets.number
  uid INTEGER NOT NULL,             -- the callers'
  operation TEXT NOT NULL,
  urls INTEGER NOT NULL,
  last_end INTEGER NOT NULL,        -- the last hard end of them
  PRIMARY KEY (session, slot, bucket, uid, operation)
) STRICT, WITHOUT ROWID;

-- The hour before the last step of retention covers a clock that is set back.
INSERT INTO tallies
SELECT u.session, (u.usable_until - 1) / 900, u.bucket, c.uid, u.operation, count(*), max(u.usable_until)
FROM urls u JOIN callers c ON c.number = u.caller
WHERE u.usable_until > (SELECT min(kept_at) FROM registry) - 3600
GROUP BY 1, 2, 3, 4, 5;

-- The order of hard ends, resumable at any row, with what tallies are kept by: the slot that is under way is counted
-- from this index alone.
DROP INDEX urls_by_end;
CREATE INDEX urls_by_end ON urls (usable_until, number, session, bucket, caller, operation);

-- What an operator decided of a session.
ALTER TABLE sessions ADD COLUMN drained_since INTEGER; -- it signs no more
ALTER TABLE sessions ADD COLUMN replaced INTEGER NOT NULL DEFAULT 0; -- 1: drained because its source gave another key
ALTER TABLE sessions ADD COLUMN retired_at INTEGER;    -- it is done, for good
ALTER TABLE sessions ADD COLUMN retired_by_force INTEGER NOT NULL DEFAULT 0; -- 1: with URLs outstanding
-- The tenant whose URLs alone it signs, where the identity keeps a session for each.
ALTER TABLE sessions ADD COLUMN partition_of TEXT NOT NULL DEFAULT '';

-- Identities that an operator stopped from signing.
CREATE TABLE paused (
  identity TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What happened, in the order in which watchers hear of it.
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
  at INTEGER NOT NULL,              -- when it was written down
  kind TEXT NOT NULL,               -- event-happened, session-renewed, …
  identity TEXT,
  session INTEGER,                  -- sessions.number; it may be forgotten by now
  uid INTEGER,                      -- of the caller whom it concerns; NULL: the admins
  body TEXT NOT NULL,               -- JSON
  lifted_at INTEGER,                -- of an event-happened that was undone
  kept_until INTEGER NOT NULL       -- an event-happened stands until then, unless it is lifted
) STRICT;
CREATE INDEX events_by_end ON events (kept_until);
CREATE INDEX events_happened ON events (number) WHERE kind = 'event-happened';
-- No event after this one has been forgotten.
ALTER TABLE registry ADD COLUMN last_event_forgotten INTEGER NOT NULL DEFAULT 0;

-- What was last seen of a session by asking AWS.
CREATE TABLE observed (
  session INTEGER PRIMARY KEY,      -- sessions.number
  state TEXT NOT NULL,
  cause TEXT NOT NULL,
  at INTEGER NOT NULL,              -- the last time that it was seen so
  since INTEGER NOT NULL,           -- the first time
  otherwise_at INTEGER              -- the last time that it was seen otherwise
) STRICT;
