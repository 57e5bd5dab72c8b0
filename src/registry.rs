//! What was issued, durable before a URL is seen.
