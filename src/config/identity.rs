//! The `[identity.NAME]` tables: where a session comes from and how it is kept fresh.
