//! Every way a call can fail, and what the wire says of it.
