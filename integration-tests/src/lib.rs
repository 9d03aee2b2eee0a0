//! Everything that needs more than one crate: scenarios, crashes, real input, benchmarks.
//! The tests stand in `tests/it`; this library holds nothing.
