-- The totals of sessions and the tallies hold the records up to this number, and none after it. Those after it, some hundreds at
-- most, are counted from their rows: so a record alone does not write the pages of the sums as well.
ALTER TABLE registry ADD COLUMN summed_up_to INTEGER NOT NULL DEFAULT 0;
UPDATE registry SET summed_up_to = (SELECT coalesce(max(number), 0) FROM urls);
