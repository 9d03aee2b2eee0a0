//! Every port's claims, over two handles on one table, on two emulators.

use aisaws_core::conformance::incidents::Handle;
use aisaws_core::conformance::{Report, approvals, events, incidents, snapshots, windows};

use crate::place::{endpoint, second_endpoint, stores};

fn assert_held(report: Report) {
    match report.verdict() {
        Ok(held) => assert!(held > 0),
        Err(report) => panic!("{report}"),
    }
}

async fn keeps_events(table_at: &str) {
    let (one, other) = stores(table_at).await;
    assert_held(events::run_all(&one, &other).await);
}

async fn keeps_incidents(table_at: &str) {
    let (one, other) = stores(table_at).await;
    let (one, other) =
        (Handle { events: &one, incidents: &one }, Handle { events: &other, incidents: &other });
    assert_held(incidents::run_all(one, other).await);
}

async fn keeps_questions_and_votes(table_at: &str) {
    let (one, other) = stores(table_at).await;
    assert_held(approvals::run_all(&one, &other).await);
}

async fn keeps_states(table_at: &str) {
    let (one, other) = stores(table_at).await;
    assert_held(snapshots::run_all(&one, &other).await);
}

async fn keeps_windows(table_at: &str) {
    let (one, other) = stores(table_at).await;
    assert_held(windows::run_all(&one, &other).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_events_as_claimed() {
    keeps_events(&endpoint()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_incidents_as_claimed() {
    keeps_incidents(&endpoint()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_questions_and_votes_as_claimed() {
    keeps_questions_and_votes(&endpoint()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_states_as_claimed() {
    keeps_states(&endpoint()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_keeps_windows_as_claimed() {
    keeps_windows(&endpoint()).await;
}

/// A second opinion: Amazon's own implementation says the same.
mod dynamodb_local {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn agrees_on_events() {
        let Some(local) = second_endpoint() else { return };
        keeps_events(&local).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn agrees_on_incidents() {
        let Some(local) = second_endpoint() else { return };
        keeps_incidents(&local).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn agrees_on_questions_and_states() {
        let Some(local) = second_endpoint() else { return };
        keeps_questions_and_votes(&local).await;
        keeps_states(&local).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn agrees_on_windows() {
        let Some(local) = second_endpoint() else { return };
        keeps_windows(&local).await;
    }
}
