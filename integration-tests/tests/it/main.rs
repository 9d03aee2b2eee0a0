//! Tests of the whole, one binary.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets what it did not expect ends"
)]

mod aws_facts;
mod correlation;
mod crash;
mod detect;
mod edges;
mod enrichment;
mod machine;
mod metrics;
mod noise;
mod program;
mod real_input;
mod rules;
mod same_incidents;
mod scenario;
mod template;
