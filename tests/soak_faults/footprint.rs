//! What the process costs: memory, threads, descriptors.

use std::time::{Duration, Instant};

use crate::support::Service;

/// One look.
#[derive(Clone, Copy, Debug)]
struct Footprint {
    at: Duration,
    resident_kib: u64,
    threads: u64,
    descriptors: u64,
}

/// Looks at one process over time.
pub struct Footprints<'a> {
    service: &'a Service,
    before: Footprint,
    looks: Vec<Footprint>,
}

impl<'a> Footprints<'a> {
    pub fn of(service: &'a Service) -> Self {
        Self { service, before: look(service, Duration::ZERO), looks: Vec::new() }
    }

    pub fn note(&mut self, at: Duration) {
        self.looks.push(look(self.service, at));
    }

    /// Prints the medians of twelve slots of time; in a whole soak those from the second on lie close together, and in
    /// any the threads and descriptors are as many as before once all is over.
    pub async fn judge(self, is_whole: bool) {
        let end = self.looks.last().map_or(Duration::ZERO, |look| look.at);
        let slots: Vec<Footprint> =
            (0..12).filter_map(|slot| self.slot(end * slot / 12, end * (slot + 1) / 12)).collect();
        for slot in &slots {
            println!(
                "  around {:4.0} s: resident {:.1} MiB, {} threads, {} descriptors",
                slot.at.as_secs_f64(),
                slot.resident_kib as f64 / 1024.0,
                slot.threads,
                slot.descriptors
            );
        }
        let (after, before) = (self.settle().await, self.before);
        println!(
            "before and after: {} and {} threads, {} and {} descriptors, {:.1} and {:.1} MiB",
            before.threads,
            after.threads,
            before.descriptors,
            after.descriptors,
            before.resident_kib as f64 / 1024.0,
            after.resident_kib as f64 / 1024.0
        );
        if !is_whole {
            return println!("memory is not judged in a soak this short");
        }
        // The first slots still fill the allocator's pools and the maps of a service that has just started.
        let (early, late) = (slots[2], slots[slots.len() - 1]);
        let change = late.resident_kib as f64 / early.resident_kib as f64 - 1.0;
        println!("memory since slot 3: {:+.1} %", change * 100.0);
        assert!(change < 0.10, "memory grew by {:.1} %", change * 100.0);
    }

    fn slot(&self, from: Duration, to: Duration) -> Option<Footprint> {
        let looks: Vec<_> = self.looks.iter().filter(|look| (from..to).contains(&look.at)).collect();
        let median = |of: fn(&Footprint) -> u64| {
            let mut values: Vec<u64> = looks.iter().map(|look| of(look)).collect();
            values.sort_unstable();
            values.get(values.len() / 2).copied()
        };
        Some(Footprint {
            at: (from + to) / 2,
            resident_kib: median(|look| look.resident_kib)?,
            threads: median(|look| look.threads)?,
            descriptors: median(|look| look.descriptors)?,
        })
    }

    /// Waits until stuck threads have come back and connections are closed.
    async fn settle(&self) -> Footprint {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let now = look(self.service, Duration::ZERO);
            // tokio and actix keep a few threads and sockets of their own, once these were needed.
            if now.threads <= self.before.threads + 2 && now.descriptors <= self.before.descriptors + 2 {
                return now;
            }
            assert!(Instant::now() < deadline, "before: {:?}, now: {now:?}", self.before);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn look(service: &Service, at: Duration) -> Footprint {
    let process = format!("/proc/{}", service.id());
    let status = std::fs::read_to_string(format!("{process}/status")).expect("it runs");
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:")).expect("Linux says so");
    Footprint {
        at,
        resident_kib: service.memory().0,
        threads: threads.trim().parse().expect("a number"),
        descriptors: std::fs::read_dir(format!("{process}/fd")).expect("it runs").count() as u64,
    }
}
