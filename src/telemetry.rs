//! The log subscriber, and every metric, declared once.
