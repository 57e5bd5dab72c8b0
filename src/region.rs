//! Where a bucket is: asked of S3 once, remembered.
