//! An operator's commands, carried out: replacing workers while the queue stands, scaling, holding jobs back.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use actix::{Context, Handler, MessageResult, ResponseFuture};
use tokio::sync::oneshot;

use super::commands::{
    CommandError, MAX_WORKERS, Observe, Restart, RestartMode, Restarted, Scale, Scaled, SetPaused, StageObservation,
};
use super::post::{Post, Status};
use super::source::{EngineSource, Failover};
use super::supervisor::StageSupervisor;
use crate::events::LifecycleEvent;

/// A restart that is under way.
pub(super) struct Rollout<I, O> {
    mode: RestartMode,
    /// Rolling: workers that are yet to be replaced.
    old: VecDeque<u64>,
    /// New workers that are not warm yet. Rolling: one at most.
    starting: HashSet<u64>,
    /// Rolling: the worker that goes once the new one is warm.
    outgoing: Option<u64>,
    replaced: usize,
    began: Instant,
    /// To go back to when the new one builds nothing.
    former_source: Option<EngineSource<I, O>>,
    /// The same: whether the stage had gone over to the other device.
    former_failover: Failover,
    done: oneshot::Sender<Result<Restarted, CommandError>>,
}

impl<I: Send + 'static, O: Send + 'static> StageSupervisor<I, O> {
    fn begin_restart(
        &mut self,
        restart: Restart<I, O>,
        done: oneshot::Sender<Result<Restarted, CommandError>>,
        context: &mut Context<Self>,
    ) {
        let former_source = restart.source.map(|source| std::mem::replace(&mut self.source, source));
        // Whoever restarts a stage wants it on its first device again.
        let former_failover = std::mem::take(&mut self.failover);
        let live: VecDeque<u64> =
            self.posts.iter().filter(|post| post.status == Status::Ready).map(|post| post.worker).collect();
        let mut rollout = Rollout {
            mode: restart.mode,
            old: live,
            starting: HashSet::new(),
            outgoing: None,
            replaced: 0,
            began: Instant::now(),
            former_source,
            former_failover,
            done,
        };
        if restart.mode == RestartMode::All {
            rollout.replaced = rollout.old.len();
            for worker in std::mem::take(&mut rollout.old) {
                if let Some(index) = self.post_of(worker) {
                    self.retire(index, Status::Changing);
                }
            }
        }
        // Posts without a live worker are filled with the new kind, at once: somebody is waiting.
        for index in 0..self.posts.len() {
            if self.posts[index].status == Status::Waiting {
                rollout.starting.insert(self.employ(index, context));
                rollout.replaced += 1;
            }
        }
        self.rollout = Some(rollout);
        self.step(context);
    }

    /// Goes on with a restart, or ends it when nothing is left to do.
    fn step(&mut self, context: &mut Context<Self>) {
        let Some(mut rollout) = self.rollout.take() else { return };
        let is_ready = |post: &Post<O>| post.status == Status::Ready;
        if rollout.mode == RestartMode::Rolling && rollout.starting.is_empty() {
            // One that has died meanwhile has a successor of the new kind already.
            while let Some(worker) = rollout.old.pop_front() {
                if self.post_of(worker).is_some_and(|index| is_ready(&self.posts[index])) {
                    rollout.outgoing = Some(worker);
                    rollout.starting.insert(self.open_post(context));
                    break;
                }
            }
        }
        let settled = |post: &Post<O>| matches!(post.status, Status::Ready | Status::Leaving);
        if rollout.starting.is_empty() && rollout.old.is_empty() && self.posts.iter().all(settled) {
            let (mode, replaced) = (rollout.mode, rollout.replaced);
            let took = rollout.began.elapsed();
            self.events.publish(LifecycleEvent::StageRestarted { stage: self.config.stage, replaced, took });
            if rollout.former_failover.engaged && !self.failover.engaged {
                self.events.publish(LifecycleEvent::StageFailedBack { stage: self.config.stage });
            }
            // Whoever asked may have gone.
            let took_ms = took.as_secs_f64() * 1000.0;
            let _ = rollout.done.send(Ok(Restarted { mode, replaced, took_ms }));
        } else {
            self.rollout = Some(rollout);
        }
    }

    /// A worker is warm: in a rolling restart, the one that it replaces may go.
    pub(super) fn go_on_with_rollout(&mut self, worker: u64, context: &mut Context<Self>) {
        let Some(rollout) = &mut self.rollout else { return };
        if rollout.starting.remove(&worker)
            && rollout.starting.is_empty()
            && let Some(outgoing) = rollout.outgoing.take()
        {
            rollout.replaced += 1;
            if let Some(index) = self.post_of(outgoing) {
                self.retire(index, Status::Leaving);
            }
        }
        self.step(context);
    }

    /// A worker could not start: if it was one of a restart's, the restart is over, and in a rolling one the worker
    /// that it was to replace stays. Says whether its post was given up.
    pub(super) fn fail_rollout(&mut self, worker: u64, error: &str) -> bool {
        let Some(rollout) = self.rollout.take() else { return false };
        let concerns_it = rollout.starting.contains(&worker) || rollout.mode == RestartMode::All;
        if !concerns_it {
            self.rollout = Some(rollout);
            return false;
        }
        if let Some(former) = rollout.former_source {
            self.source = former;
        }
        self.failover = rollout.former_failover;
        let _ = rollout.done.send(Err(CommandError::CannotStart(error.to_owned())));
        let spare = rollout.outgoing.is_some();
        if spare && let Some(index) = self.post_of(worker) {
            self.posts.remove(index);
            self.count_ready();
            return true;
        }
        // The posts of an "all" restart are filled as after any loss, by the factory that worked.
        false
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<Restart<I, O>> for StageSupervisor<I, O> {
    type Result = ResponseFuture<Result<Restarted, CommandError>>;

    fn handle(&mut self, restart: Restart<I, O>, context: &mut Self::Context) -> Self::Result {
        // A worker that is just starting is of the old kind, and could not be told from the new ones later.
        let of_old_kind = |post: &Post<O>| restart.source.is_some() && post.status == Status::Starting;
        if self.rollout.is_some() || self.posts.iter().any(of_old_kind) {
            let stage = self.config.stage;
            return Box::pin(async move { Err(CommandError::Busy(stage)) });
        }
        let (done, result) = oneshot::channel();
        self.begin_restart(restart, done, context);
        Box::pin(async move { result.await.unwrap_or(Err(CommandError::Gone)) })
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<Scale> for StageSupervisor<I, O> {
    type Result = Result<Scaled, CommandError>;

    fn handle(&mut self, Scale(wanted): Scale, context: &mut Self::Context) -> Self::Result {
        if !(1..=MAX_WORKERS).contains(&wanted) {
            return Err(CommandError::Workers(wanted));
        }
        if self.rollout.is_some() {
            return Err(CommandError::Busy(self.config.stage));
        }
        let from = std::mem::replace(&mut self.workers_wanted, wanted);
        self.state.set_workers_wanted(wanted);
        for _ in from..wanted {
            self.open_post(context);
        }
        for _ in wanted..from {
            self.close_post();
        }
        self.events.publish(LifecycleEvent::StageScaled { stage: self.config.stage, from, to: wanted });
        Ok(Scaled { from, to: wanted })
    }
}

impl<I: Send + 'static, O: Send + 'static> StageSupervisor<I, O> {
    /// Gives up the post that is missed least: an empty one before a new one before one at work.
    fn close_post(&mut self) {
        let rank = |post: &Post<O>| match post.status {
            Status::Waiting => Some(0),
            Status::Starting => Some(1),
            Status::Ready | Status::Changing => Some(2),
            Status::Leaving => None,
        };
        let least = (0..self.posts.len()).filter_map(|index| Some((rank(&self.posts[index])?, index))).min();
        match least {
            Some((0, index)) => drop(self.posts.remove(index)),
            Some((_, index)) => self.retire(index, Status::Leaving),
            None => {}
        }
        self.count_ready();
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<SetPaused> for StageSupervisor<I, O> {
    type Result = ();

    fn handle(&mut self, SetPaused(paused): SetPaused, _: &mut Self::Context) {
        if self.queue.is_paused() != paused {
            self.queue.set_paused(paused);
            self.events.publish(LifecycleEvent::StagePaused { stage: self.config.stage, paused });
        }
    }
}

impl<I: Send + 'static, O: Send + 'static> Handler<Observe> for StageSupervisor<I, O> {
    type Result = MessageResult<Observe>;

    fn handle(&mut self, _: Observe, _: &mut Self::Context) -> Self::Result {
        MessageResult(StageObservation {
            stage: self.config.stage,
            engine: self.state.engine_name(),
            paused: self.queue.is_paused(),
            restarting: self.rollout.is_some(),
            queue_depth: self.queue.depth(),
            queue_capacity: self.queue.capacity(),
            oldest_job_ms: self.queue.oldest_age().map(|age| age.as_secs_f64() * 1000.0),
            workers_wanted: self.workers_wanted,
            workers_ready: self.state.ready_workers(),
            workers: self.posts.iter().map(Post::observe).collect(),
            abandoned_threads: self.state.abandoned_threads(),
            failed_over: self.failover.engaged,
            restarts: self.lost.clone(),
            last_error: self.state.last_error(),
            latencies: self.state.figures.latencies(),
        })
    }
}
