//! EC2 security groups: their state, events, calls and controls.

mod all_ports_world_open;
mod apis;
mod calls;
mod events;
mod exposure;
mod group;
mod port_world_open;
mod traffic;

pub use all_ports_world_open::AllPortsWorldOpen;
pub use apis::APIS;
pub use events::SecurityGroups;
pub use group::{NotCanonical, Rule, SecurityGroup, Source};
pub use port_world_open::{ADMIN_PORT_WORLD_OPEN, DATABASE_PORT_WORLD_OPEN, PortWorldOpen};
pub use traffic::{PortRange, Ports, Traffic, Transport};
