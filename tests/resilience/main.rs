//! What faults cost, seen from outside: by a worker client and by an operator. A module a fault; `docs/resilience.md`
//! has a row for each. All but those whose names begin with `real` run the real service over fake engines that fail on demand.

#[path = "../support/mod.rs"]
mod support;

mod cannot_start;
mod clock_jump;
mod document;
mod failing_engine;
mod full_queues;
mod gpu;
mod log_disk_full;
mod panic;
mod poison_fragment;
mod real_models;
mod real_sabotage;
mod restart_under_load;
mod scene;
mod speech;
mod stuck_worker;
mod translator;
