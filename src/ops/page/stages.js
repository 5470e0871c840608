// The stages, as they stand in the way of a fragment.

import { ask } from './action.js';
import { Changes } from './announcer.js';
import { Keyed, byId, element, instantiate, setBadge, setHidden, setOptionalText, setText } from './dom.js';
import { count, duration } from './format.js';
import { inStage, stageName } from './names.js';
import { draw } from './sparkline.js';

const LOSSES = { panic: 'panicked', poisoned: 'poisoned', stuck: 'stuck', cannot_start: 'could not start' };
/** Seconds of queue depth that are drawn. */
const HISTORY = 60;
/** Waiting for so long, ms, is worth a colour. */
const LONG_WAIT_MS = 2000;

function stateOf(stage) {
  if (stage.workers_ready === 0) {
    const starting = stage.workers.some(({ status }) => status === 'starting') && !stage.last_error;
    return starting ? ['warn', 'starting'] : ['bad', 'no live worker'];
  }
  if (stage.paused) return ['paused', 'paused'];
  if (stage.restarting) return ['busy', 'replacing workers'];
  if (stage.workers_ready < stage.workers_wanted) {
    return ['warn', `${stage.workers_ready} of ${stage.workers_wanted} workers`];
  }
  if (stage.failed_over) return ['warn', 'on another device'];
  return ['ok', 'ready'];
}

export class Stages {
  #api;
  #changes = new Changes();
  #depths = new Map();
  #list = new Keyed(byId('pipeline'), (stage) => this.#create(stage));

  constructor(api) { this.#api = api; }

  /** Remembers what is drawn as a line; also while nobody looks. */
  note(stages) {
    for (const { stage, queue_depth: depth } of stages) {
      this.#depths.set(stage, [...(this.#depths.get(stage) ?? []), depth].slice(-HISTORY));
    }
  }

  /** `translators`: those of the settings, which are part of the translation stage. */
  show(stages, translators) {
    this.#list.show(stages, ({ stage }) => stage, (part, stage) => {
      this.#update(part, stage);
      const own = stage.stage === 'translation' ? translators : [];
      setHidden(part.fields.translators, own.length === 0);
      part.translators.show(own, ({ engine }) => engine, updateTranslator);
    });
  }

  #create(stage) {
    const part = instantiate('stage-template');
    Object.assign(part, { stage: null, workers: new Keyed(part.fields.worker_list, createWorker) });
    part.translators = new Keyed(part.fields.translators, createTranslator);
    part.fields.name.id = `stage-${stage}`;
    part.node.setAttribute('aria-labelledby', part.fields.name.id);
    part.node.dataset.stage = stage;
    for (const button of part.node.querySelectorAll('[data-action]')) {
      part.fields[button.dataset.action] = button;
      const what = element('span', ` ${stageName(stage)}`, { class: 'unseen' });
      const label = element('span', button.textContent);
      button.replaceChildren(label, what);
      button.addEventListener('click', () => ask(this.#actions(part.stage)[button.dataset.action]()));
    }
    return part;
  }

  #update(part, stage) {
    const { fields } = part;
    part.stage = stage;
    const [kind, state] = stateOf(stage);
    this.#changes.note(stage.stage, kind, `${stageName(stage.stage)}: ${state}.`);
    setText(fields.name, stageName(stage.stage));
    setText(fields.engine, stage.engine || 'no engine yet');
    setBadge(fields.state, kind, state);

    setText(fields.depth, count(stage.queue_depth));
    setText(fields.capacity, count(stage.queue_capacity));
    const full = Math.min(1, stage.queue_depth / Math.max(1, stage.queue_capacity));
    fields.bar.style.setProperty('inline-size', `${(full * 100).toFixed(1)}%`);
    fields.bar.dataset.kind = full > 0.8 ? 'bad' : full > 0.5 ? 'warn' : 'ok';
    draw(fields.history, this.#depths.get(stage.stage) ?? [], HISTORY, 4);
    const oldest = stage.oldest_job_ms;
    setText(fields.oldest, oldest === undefined ? 'nothing waits' : `oldest waits ${duration(oldest)}`);
    fields.oldest.classList.toggle('long', oldest > LONG_WAIT_MS);

    const { queued_ms: waited, worked_ms: worked, batch_size: batch, jobs } = stage.latencies;
    const measured = (value, unit) => (jobs ? unit(value) : '–');
    setText(fields.work50, measured(worked.p50, duration));
    setText(fields.work95, measured(worked.p95, duration));
    setText(fields.wait50, measured(waited.p50, duration));
    setText(fields.wait95, measured(waited.p95, duration));
    setText(fields.batch, measured(batch, ({ p50, max }) => (p50 === max ? count(max) : `${count(p50)} to ${count(max)}`)));
    setText(fields.workers, `${stage.workers_ready} of ${stage.workers_wanted}`);

    part.workers.show(stage.workers, ({ worker }) => worker, updateWorker);
    const lost = Object.entries(stage.restarts).map(([reason, times]) => `${LOSSES[reason] ?? reason} ${count(times)}×`);
    if (stage.abandoned_threads) lost.push(`${stage.abandoned_threads} stuck threads left behind`);
    setOptionalText(fields.lost, lost.length ? `Workers lost: ${lost.join(', ')}` : '');
    setOptionalText(fields.error, stage.last_error);
    setText(fields.pause.firstChild, stage.paused ? 'Resume…' : 'Pause…');
  }

  #actions(stage) {
    const path = `/stages/${stage.stage}`;
    const called = inStage(stage.stage);
    return {
      restart: () => ({
        title: `Restart ${called}`, verb: 'Restart',
        what: `Replaces all ${stage.workers_wanted} workers of the stage by new ones${stage.failed_over ? ', on the device that was chosen first' : ''}. No accepted fragment is lost by it.`,
        fields: [{
          name: 'mode', label: 'How',
          options: [
            { value: 'rolling', label: 'Rolling', what: 'one after the other; the new one is warm before the old one goes, which takes memory for one more engine' },
            { value: 'all', label: 'All at once', what: 'each goes when it has finished what it holds; jobs wait until the new ones are warm' },
          ],
        }],
        run: async ({ mode }) => {
          const done = await this.#api.post(`${path}/restart?mode=${mode}`);
          return `Replaced ${done.replaced} ${done.replaced === 1 ? 'worker' : 'workers'} in ${duration(done.took_ms)}.`;
        },
      }),
      scale: () => ({
        title: `Scale ${called}`, verb: 'Scale',
        what: `Sets the number of workers; it is ${stage.workers_wanted} now. Each has weights of its own in memory. Those that are too many finish what they hold.`,
        fields: [{ name: 'workers', label: 'Workers', type: 'number', min: 1, max: 64, step: 1, value: stage.workers_wanted }],
        run: async ({ workers }) => {
          const done = await this.#api.put(`${path}/workers`, { workers: Number(workers) });
          return done.to > done.from
            ? `From ${done.from} to ${done.to} workers; the new ones are getting warm.`
            : `From ${done.from} to ${done.to} workers.`;
        },
      }),
      pause: () => (stage.paused ? {
        title: `Resume ${called}`, verb: 'Resume',
        what: `Hands jobs to workers again; ${count(stage.queue_depth)} are waiting.`,
        run: async () => { await this.#api.post(`${path}/resume`); return 'Jobs are handed out again.'; },
      } : {
        title: `Pause ${called}`, verb: 'Pause', danger: true,
        what: `Jobs wait in the queue, which has room for ${count(stage.queue_capacity)}, and none is handed to a worker. Fragments that wait past their time limit fail, and streams are told to slow down.`,
        run: async () => { await this.#api.post(`${path}/pause`); return 'Jobs wait until the stage is resumed.'; },
      }),
      reload: () => ({
        title: `Reload ${called}`, verb: 'Reload',
        what: 'Loads other weights, one worker after the other. If they cannot be loaded, the old ones stay at work.',
        fields: [{ name: 'path', label: 'Directory of weights, on the service’s machine', type: 'text', placeholder: 'models/store/whisper-base' }],
        run: async ({ path: weights }) => {
          const done = await this.#api.post(`${path}/reload`, { path: weights });
          return `Loaded by ${done.replaced} ${done.replaced === 1 ? 'worker' : 'workers'} in ${duration(done.took_ms)}.`;
        },
      }),
    };
  }
}

function createTranslator(name) {
  const node = element('li');
  const [state, error] = [element('span', '', { class: 'badge' }), element('span', '', { class: 'error' })];
  node.append(element('b', name), ' ', state, ' ', error);
  return { node, state, error };
}

function updateTranslator({ state, error }, { breaker, rest_ms: rest, last_error: why }) {
  if (breaker === 'closed') setBadge(state, 'ok', 'asked');
  else if (breaker === 'open') setBadge(state, 'bad', rest === undefined ? 'left alone' : `left alone for ${duration(rest)}`);
  else setBadge(state, 'warn', 'being tried again');
  setOptionalText(error, why);
}

function createWorker(number) {
  const node = element('li');
  const [id, status, busy] = [element('b', `#${number}`), element('span'), element('span', '', { class: 'busy' })];
  const who = element('span');
  who.append(id, ' ', status);
  node.append(who, busy);
  return { node, status, busy };
}

const WORKER_KINDS = { ready: 'ok', starting: 'busy', waiting: 'warn', retiring: 'paused' };

function updateWorker({ node, status, busy }, worker) {
  node.dataset.kind = WORKER_KINDS[worker.status] ?? 'unknown';
  setText(status, worker.status);
  setText(busy, worker.status === 'starting' || worker.status === 'waiting' ? duration(worker.status_ms)
    : worker.busy_ms === undefined ? `${count(worker.batches)} batches` : `busy ${duration(worker.busy_ms)}`);
}
