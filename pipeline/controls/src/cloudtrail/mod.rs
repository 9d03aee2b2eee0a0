//! CloudTrail trails: their state, events, calls and controls.

mod apis;
mod calls;
mod events;
mod management_events_excluded;
mod selectors;
mod trail;
mod trail_deleted;
mod trail_logging_stopped;

pub use apis::APIS;
pub use events::Trails;
pub use management_events_excluded::ManagementEventsExcluded;
pub use trail::Trail;
pub use trail_deleted::TrailDeleted;
pub use trail_logging_stopped::TrailLoggingStopped;
