//! The engine through its public face.

mod support;

mod crash;
mod durable;
mod language;
mod tokens;
