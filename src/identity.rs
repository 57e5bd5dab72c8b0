//! A session for each name, renewed ahead of its end.
