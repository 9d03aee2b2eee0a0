//! The `aisaws` command line.
fn main() {}
