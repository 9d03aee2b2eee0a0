//! The stages over a real store, a small account in memory and a clock that only sleeping moves.

mod account;
mod alert;
mod ask;
mod decide;
mod prepare;
mod remediate;
mod rollback;
mod verify;
mod world;
