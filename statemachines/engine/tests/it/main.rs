//! The engine through its public face.

#[cfg(test)]
mod support;

#[cfg(test)]
mod crash;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod language;
#[cfg(test)]
mod tokens;
