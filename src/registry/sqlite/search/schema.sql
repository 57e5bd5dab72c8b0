-- The search file: where records lie that have a key, a caller, a tenant, a label or an operation. Made of the registry,
-- and made anew when in doubt; nothing here is anywhere else's only copy. Written in runs, each in the order of its
-- tables, so that every insert is at their right edge.

-- One row: of which registry this is made, and up to which number.
CREATE TABLE search (
  instance TEXT NOT NULL,
  last INTEGER NOT NULL             -- every record up to this number is in a run
) STRICT;

-- A stretch of records.
CREATE TABLE runs (
  number INTEGER PRIMARY KEY,
  first INTEGER NOT NULL,           -- of its records' numbers
  last INTEGER NOT NULL,
  urls INTEGER NOT NULL,
  signed_from INTEGER NOT NULL,
  signed_to INTEGER NOT NULL,
  ends_to INTEGER NOT NULL          -- the last hard end
) STRICT;

-- Some records of each run: they tell this registry from a copy of it that went another way.
CREATE TABLE witnesses (
  number INTEGER PRIMARY KEY,       -- urls.number
  fingerprint BLOB NOT NULL
) STRICT;

CREATE TABLE keys (
  run INTEGER NOT NULL,
  bucket INTEGER NOT NULL,          -- buckets.number
  key BLOB NOT NULL,                -- empty: on the bucket
  number INTEGER NOT NULL,          -- urls.number
  usable_until INTEGER NOT NULL,
  PRIMARY KEY (run, bucket, key, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists (
  run INTEGER NOT NULL,
  facet BLOB NOT NULL,              -- a letter and a value
  urls INTEGER NOT NULL,
  places BLOB NOT NULL,             -- numbers and hard ends, each as the step from the one before
  PRIMARY KEY (run, facet)
) STRICT, WITHOUT ROWID;
