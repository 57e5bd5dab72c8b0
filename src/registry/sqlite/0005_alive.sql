-- When each thing that is looked at was last seen alive, as JSON: {"key": 1795348800, "s3://bucket/canary": …}. A death that is
-- seen after a restart is dated from there.
ALTER TABLE observed ADD COLUMN alive TEXT NOT NULL DEFAULT '{}';
UPDATE observed SET alive = json_object('key', at) WHERE state = 'alive';
