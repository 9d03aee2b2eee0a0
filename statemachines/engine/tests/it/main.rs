//! The engine through its public face.

#[cfg(test)]
mod support;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod definitions;
#[cfg(test)]
mod durable;
#[cfg(test)]
mod full;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod integrations;
#[cfg(test)]
mod language;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod parked;
#[cfg(test)]
mod process;
#[cfg(test)]
mod recorded;
#[cfg(test)]
mod submission;
#[cfg(test)]
mod testfiles;
#[cfg(test)]
mod timing;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod torn;
