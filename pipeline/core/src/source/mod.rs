//! Parsers of outside bytes into [`crate::event::Event`], one module a source.

pub mod cloudtrail;
