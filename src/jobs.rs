//! Background jobs: each runs until it is told to stop.
