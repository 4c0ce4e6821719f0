//! The checker itself: each promise is broken in a log that was made up, and it says so.
