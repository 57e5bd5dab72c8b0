//! The one way a URL leaves the house.
