//! The HTTP client that talks to AWS, and the offset of AWS's clock.
