-- Where the URLs of a bucket's name lead: one name may be a bucket here and another bucket there.
CREATE TABLE hosts (
  bucket INTEGER NOT NULL,          -- buckets.number
  region TEXT NOT NULL,
  host TEXT NOT NULL,
  last_signed INTEGER NOT NULL,     -- up to a day before the last X-Amz-Date; forgotten when no URL of it can live
  PRIMARY KEY (bucket, region, host)
) STRICT, WITHOUT ROWID;

INSERT INTO hosts SELECT bucket, region, host, max(signed_at) FROM urls GROUP BY bucket, region, host;
