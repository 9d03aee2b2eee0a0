//! A line on which a process dies (SIGKILL) at one call.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aisaws_emulators::proxy::{Act, Call, Cut, Line};

const WITHIN: Duration = Duration::from_mins(1);

/// When the process dies: at the n-th call to AWS, before it is made or after it was carried out.
pub(crate) type Death = Option<(usize, Cut)>;

/// Kills a process at one call, and notes what was called. Clones are the same line.
#[derive(Clone)]
pub(crate) struct Killer {
    death: Death,
    /// The process; 0: it is not known yet.
    process: Arc<AtomicU32>,
    calls: Arc<Mutex<Vec<String>>>,
    writes: Arc<Mutex<Vec<String>>>,
}

impl Killer {
    pub(crate) fn new(death: Death) -> Self {
        Self { death, process: Arc::default(), calls: Arc::default(), writes: Arc::default() }
    }

    /// The process on this line.
    pub(crate) fn aims_at(&self, process: u32) {
        self.process.store(process, Ordering::SeqCst);
    }

    /// What was called so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap().clone()
    }

    /// What was carried out so far of that which changes protected accounts.
    pub(crate) fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }

    fn kill(&self) {
        // It may call before whoever started it could say which one it is.
        let started = Instant::now();
        let process = loop {
            match self.process.load(Ordering::SeqCst) {
                0 => assert!(started.elapsed() < WITHIN, "nobody said which process it is"),
                process => break process.to_string(),
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        // It may be dead already, if others of its calls were on their way.
        _ = Command::new("kill").args(["-s", "KILL", &process]).status().unwrap();
    }
}

/// Whether a call changes a protected account. Calls of other services are `POST`, and what is put
/// into the archive has no query.
pub(crate) fn is_write(call: &Call) -> bool {
    let verbs = ["PUT ?", "DELETE ?"];
    verbs.iter().any(|verb| call.operation.starts_with(verb)) && !call.operation.ends_with('?')
}

impl Line for Killer {
    fn act(&self, call: &Call) -> Act {
        self.calls.lock().unwrap().push(call.operation.clone());
        match self.death {
            Some((at, Cut::Request)) if call.number == at => {
                self.kill();
                Act::Lose
            }
            Some((at, Cut::Answer)) if call.number == at => Act::LoseAnswer,
            _ => Act::Pass,
        }
    }

    fn carried_out(&self, call: &Call) {
        if is_write(call) {
            self.writes.lock().unwrap().push(call.operation.clone());
        }
        if self.death.is_some_and(|(at, cut)| cut == Cut::Answer && call.number == at) {
            self.kill();
        }
    }
}
