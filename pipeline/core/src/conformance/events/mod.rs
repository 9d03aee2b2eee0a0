//! Claims about port [`Events`].

mod keeping;
mod listing;
mod seeing;

pub use keeping::*;
pub use listing::*;
pub use seeing::*;

use super::claim::{Report, note_all};
use crate::port::Events;

/// Every claim; `one` and `other` are handles on the same store.
pub async fn run_all(one: &dyn Events, other: &dyn Events) -> Report {
    let mut report = Report::default();
    note_all! { report;
        an_event_reads_back_exactly(one);
        an_event_of_every_source_reads_back_exactly(one);
        an_account_that_the_record_does_not_name_is_kept(one);
        an_unknown_event_is_none(one);
        nothing_to_append_is_no_error(one);
        arrivals_tell_what_is_stored(one, other);
        a_second_delivery_is_a_duplicate(one, other);
        a_duplicate_inside_one_batch_is_seen(one);
        key_order_and_white_space_make_no_variant(one);
        other_content_under_one_id_is_a_variant(one);
        a_variant_again_is_a_duplicate(one);
        answers_come_in_the_order_of_the_records(one);
        a_batch_of_a_thousand_is_kept(one);
        hostile_texts_in_events_read_back_exactly(one);
        large_events_read_back_exactly(one);
        own_events_are_kept(one);
        events_of_other_sources_read_back_exactly(one);
        hits_of_correlations_are_kept_with_stored_events(one, other);
        one_of_many_concurrent_deliveries_is_new(one, other);
        concurrent_batches_that_overlap_keep_each_event_once(one, other);
        the_earliest_event_tells_what_was_seen(one, other);
        what_is_seen_is_told_apart_exactly(one);
        events_are_listed_by_time_then_id(one);
        pages_have_no_gap_and_no_repetition(one);
        variants_are_listed_both(one);
        since_is_included_and_until_is_not(one);
        a_name_is_matched_whole_and_exactly(one);
        one_id_is_found_among_others(one);
        filters_combine(one);
        a_limit_of_none_lists_nothing(one);
        touching_events_come_in_order(one);
        touching_knows_one_resource_from_another(one);
        a_duplicate_touches_nothing_more(one);
        a_variant_touches_what_it_says(one);
        dead_letters_are_kept_once_and_in_order(one);
        dead_letters_differ_by_origin_line_or_content(one);
        hostile_dead_letters_read_back_exactly(one);
    }
    report
}
