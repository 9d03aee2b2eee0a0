//! Claims about port [`Incidents`], with the events that open them.

mod admitting;
mod chain;
mod opening;

pub use admitting::*;
pub use chain::*;
pub use opening::*;

use super::claim::{Report, note_all};
use crate::port::{Events, Incidents};

/// One handle on a store that keeps both events and incidents.
#[derive(Clone, Copy)]
pub struct Handle<'a> {
    /// Its events.
    pub events: &'a dyn Events,
    /// Its incidents.
    pub incidents: &'a dyn Incidents,
}

impl std::fmt::Debug for Handle<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// Every claim; `one` and `other` are handles on the same store.
pub async fn run_all(one: Handle<'_>, other: Handle<'_>) -> Report {
    let mut report = Report::default();
    note_all! { report;
        hits_are_pending_once_and_by_rule(one);
        an_event_without_hits_is_never_pending(one);
        pending_events_come_in_order_and_at_most_so_many(one);
        hits_stay_pending_until_they_are_taken(one, other);
        opening_takes_the_named_events_and_no_others(one);
        a_hit_that_was_derived_meanwhile_stays_pending(one, other);
        a_hit_of_a_variant_that_came_meanwhile_stays_pending(one, other);
        an_old_mark_takes_no_later_hit(one, other);
        a_late_duplicate_does_not_become_pending_again(one);
        a_variant_with_another_hit_becomes_pending(one);
        a_variant_with_the_same_hit_does_not(one);
        an_incident_reads_back_exactly(one);
        an_unknown_incident_is_none(one);
        opening_writes_the_first_link(one);
        opening_again_adds_events_and_nothing_else(one);
        taking_what_was_taken_is_no_error(one);
        one_of_many_concurrent_openings_is_new(one, other);
        incidents_are_listed_by_time_then_id(one);
        an_event_may_belong_to_several_incidents(one);
        rules_of_a_principal_are_distinct_and_sorted(one);
        rules_of_a_principal_keep_to_the_window(one);
        rules_of_a_principal_weigh_something(one);
        what_opens_nothing_is_not_pending(one);
        at_most_so_many_are_admitted_and_stay_so(one, other);
        of_many_at_once_no_more_are_admitted(one, other);
        entries_read_back_exactly(one);
        the_chain_verifies(one);
        a_repeated_key_keeps_the_first_entry(one);
        keys_are_told_apart_exactly(one);
        an_unknown_incident_takes_no_entry(one);
        an_unknown_incident_has_no_ledger(one);
        incidents_have_chains_of_their_own(one);
        concurrent_appends_make_one_chain(one, other);
        one_of_many_concurrent_appends_of_a_key_is_new(one, other);
        writes_are_counted_by_resource_and_time(one);
        a_repeated_write_entry_counts_once(one);
    }
    report
}
