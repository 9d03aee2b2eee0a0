//! The engine through its public face.

mod support;

mod durable;
mod language;
mod tokens;
