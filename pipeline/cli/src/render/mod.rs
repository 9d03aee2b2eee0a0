//! How things look in a terminal.

pub(crate) mod incident;
pub(crate) mod live;
pub(crate) mod table;
pub(crate) mod terminal;
