//! How many objects stand how, for the gauges.

use std::collections::BTreeMap;

use kseal_core::reconcile::{Group, Retry};

use super::State;
use crate::engine::queue::Class;
use crate::engine::table::Standing;

/// What the gauges show.
pub(in crate::engine) struct Census {
    pub(in crate::engine) live: usize,
    pub(in crate::engine) backlog: usize,
    pub(in crate::engine) retry: usize,
    pub(in crate::engine) bodies: usize,
    pub(in crate::engine) objects: BTreeMap<(Group, &'static str), usize>,
}

impl State {
    /// For the metrics: how many objects of a group stand how.
    pub(in crate::engine) fn census(&self) -> Census {
        let mut census = Census {
            live: self.queue.len(Class::Live),
            backlog: self.queue.len(Class::Backlog),
            retry: self.failures.len(),
            bodies: self.bodies,
            objects: BTreeMap::new(),
        };
        for group in Group::ALL {
            for state in ["ready", "waiting", "failing", "idle", "unknown"] {
                census.objects.insert((group, state), 0);
            }
        }
        for (_, _, entry) in self.table.iter(None) {
            for group in Group::ALL {
                let Some(record) = entry.get(group) else { continue };
                let state = match record.standing {
                    _ if record.idle => "idle",
                    Standing::Right { .. } => "ready",
                    Standing::Wrong(Retry::OnKey) => "waiting",
                    Standing::Wrong(_) => "failing",
                    Standing::Unknown => "unknown",
                };
                *census.objects.entry((group, state)).or_default() += 1;
            }
        }
        census
    }
}
