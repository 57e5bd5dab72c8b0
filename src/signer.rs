//! The SigV4 signature of an S3 request.
