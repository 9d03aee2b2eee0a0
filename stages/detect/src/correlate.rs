//! Detect as what evaluates correlations.

use aisaws_core::event::Event;
use aisaws_core::hit::Hit;
use aisaws_core::id::{EventId, RuleId};
use aisaws_core::port::{Correlator, DetectError, Found};
use aisaws_core::window::{Entry, WindowKey};
use jiff::{SignedDuration, Timestamp};

use crate::detect::{Detect, severity, techniques, unreadable};
use crate::response::{Located, Stage};
use crate::scene::Scene;
use crate::sigma::{Resolved, ScanError};

impl Correlator for Detect {
    fn reach(&self, key: &WindowKey, bucket: i64) -> Option<(Timestamp, Timestamp)> {
        Some(self.correlations().get(key.correlation.as_str())?.reach(bucket))
    }

    fn ends(&self, key: &WindowKey, bucket: i64) -> Option<Timestamp> {
        self.correlations().get(key.correlation.as_str())?.ends(bucket)
    }

    fn level(&self, key: &WindowKey) -> u32 {
        self.correlations().get(key.correlation.as_str()).map_or(0, Resolved::level)
    }

    fn firings(&self, key: &WindowKey, bucket: i64, entries: &[Entry]) -> Vec<EventId> {
        let correlation = self.correlations().get(key.correlation.as_str());
        correlation.map(|found| found.firings(bucket, entries)).unwrap_or_default()
    }

    fn longest_span(&self) -> SignedDuration {
        let spans = self.correlations().list().iter().map(|c| c.correlation.timespan_seconds);
        SignedDuration::from_secs(i64::from(spans.max().unwrap_or(0)))
    }

    fn fire(&self, key: &WindowKey, event: &Event) -> Result<Found, DetectError> {
        let Some(resolved) = self.correlations().get(key.correlation.as_str()) else {
            return Ok(Found::default());
        };
        let refuse = |error: ScanError| unreadable(event, &error);
        Ok(Found {
            hits: self.hits_of(resolved, event).map_err(refuse)?,
            matches: {
                let fired = std::iter::once(key.correlation.as_str());
                self.correlations().matches(fired, event).map_err(refuse)?
            },
        })
    }
}

impl Detect {
    /// What the event that completed a correlation says the correlation is about.
    fn hits_of(&self, resolved: &Resolved, event: &Event) -> Result<Vec<Hit>, ScanError> {
        let correlation = &resolved.correlation;
        let meta = &correlation.meta;
        let Some(response) = self.response(meta.key()) else { return Ok(Vec::new()) };
        if self.is_silent(meta.key()) {
            return Ok(Vec::new());
        }
        let Located { resources, controls } = response.placed(&Scene::of(event), self.mapping())?;
        // Firings go on as long as the condition holds: within its own span they are one.
        let window = response.window_seconds.unwrap_or(correlation.timespan_seconds);
        let hit = |resource| Hit {
            rule: RuleId::new(meta.key()),
            title: meta.title.clone(),
            severity: severity(meta.level, event),
            event: event.id.clone(),
            resource,
            controls: controls.clone(),
            window_seconds: Some(window),
            techniques: techniques(&meta.tags),
            is_trial: response.stage == Stage::Test,
            is_correlation: true,
            suppressed_by: None,
        };
        Ok(resources.into_iter().map(hit).collect())
    }
}
