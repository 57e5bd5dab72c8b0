-- Which records were signed again. Only successors stand in it: what is signed for the first time pays nothing.
CREATE INDEX urls_by_former ON urls (replaces) WHERE replaces IS NOT NULL;
