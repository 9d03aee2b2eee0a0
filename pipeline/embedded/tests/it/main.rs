//! The embedded adapters against the claims of their ports, and what only they have.

#[cfg(test)]
mod answering;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod correlating;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod opening;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod stages;
#[cfg(test)]
mod tampering;
