//! Takes any presigned URL apart: what signed it, when it ends, what is wrong with it.
