-- When it came to sign, or to wait for that, after it had not: its drain was cancelled, its key was put back or confirmed, or
-- it was seen alive again. Left out, where that was when it was written down.
ALTER TABLE sessions ADD COLUMN signs_since INTEGER;
