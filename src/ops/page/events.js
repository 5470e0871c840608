// What happened last: newest first, in sentences.

import { Keyed, byId, element, setHidden } from './dom.js';
import { count, duration, timeOfDay } from './format.js';
import { inStage, stageName } from './names.js';

const stage = (event) => stageName(event.stage);
const stream = (event) => `Stream ${event.stream_id}`;
const why = ({ error }) => [error?.code, error?.message].filter(Boolean).join(': ') || 'no reason given';
const result = ({ status, error }) => (error ? `failed in ${inStage(error.stage)}: ${error.code}` : `was answered: ${status}`);
const workers = (number) => `${count(number)} ${number === 1 ? 'worker' : 'workers'}`;

/** By the event's name: how it is shown, and its sentence. */
const SENTENCES = {
  worker_connected: ['quiet', (event) => `Worker ${event.worker_id} connected`],
  worker_disconnected: ['quiet', (event) => `Worker ${event.worker_id} is gone: ${event.reason.replaceAll('_', ' ')}`],
  refused: ['warn', (event) => `A ${event.what} was refused, ${why(event)}`],
  draining: ['busy', () => 'The service drains: nothing new is taken'],
  stream_changed: ['quiet', (event) => `${stream(event)} is now ${event.state}`],
  stage_started: ['quiet', (event) => `${stream(event)}: fragment ${event.sequence_number} entered ${event.stage}`],
  stream_opened: ['quiet', (event) => `${stream(event)} was opened by ${event.worker_id}`],
  stream_attached: ['ok', (event) => `${stream(event)} was resumed by ${event.worker_id}`],
  stream_detached: ['warn', (event) => `${stream(event)} lost its connection`],
  stream_closed: ['quiet', (event) => `${stream(event)} is closed: ${event.reason}`],
  fragment_received: ['quiet', (event) => `${stream(event)}: fragment ${event.sequence_number} was accepted`],
  fragment_refused: ['warn', (event) => `${stream(event)}: a fragment was refused, ${why(event)}`],
  fragment_processed: ['quiet', (event) => `${stream(event)}: fragment ${event.sequence_number} ${result(event)}`],
  stage_finished: ['quiet', (event) => `${stream(event)}: fragment ${event.sequence_number} left ${inStage(event.stage)}`],
  stage_failed: ['bad', (event) => `${stream(event)}: fragment ${event.sequence_number} failed in ${inStage(event.stage)}, ${why(event)}`],
  fragment_retranslated: ['quiet', (event) => `${stream(event)}: fragment ${event.sequence_number} was translated again, ${OUTCOMES[event.outcome] ?? event.outcome}`],
  sequence_numbers_skipped: ['warn', (event) => `${stream(event)}: ${count(event.count)} sequence numbers were given up`],
  backpressure: ['warn', (event) => `${stream(event)} is under ${event.severity} load, ${event.in_flight} in flight`],
  worker_ready: ['ok', (event) => `${stage(event)} has a warm worker: ${event.engine}, after ${duration(event.started_in_ms)}`],
  worker_lost: ['bad', (event) => `${stage(event)} lost a worker (${event.reason}): ${why(event)}`],
  stage_restarted: ['busy', (event) => `${stage(event)} was restarted: ${workers(event.replaced)} in ${duration(event.took_ms)}`],
  stage_scaled: ['busy', (event) => `${stage(event)} was scaled from ${event.from} to ${workers(event.to)}`],
  stage_paused: ['paused', (event) => `${stage(event)} was paused`],
  stage_resumed: ['busy', (event) => `${stage(event)} was resumed`],
  stage_hopeless: ['bad', (event) => `${stage(event)} has ${event.threads} stuck threads: the service drains`],
  stage_failed_over: ['bad', (event) => `${stage(event)} goes on with another device: ${why(event)}`],
  stage_failed_back: ['ok', (event) => `${stage(event)} is back on its first device`],
  actor_lost: ['bad', (event) => `Actor ${event.actor} panicked: ${why(event)}`],
  breaker_changed: ['warn', (event) => `The breaker of ${event.engine} is ${event.breaker.replaceAll('_', ' ')}: ${event.reason}`],
  translator_used: ['quiet', (event) => `${event.engine} has used ${count(event.characters_used)} of ${count(event.characters_limit)} characters`],
  gpu_found: ['ok', (event) => `GPU ${event.gpu} can be read: ${event.name}`],
  gpu_lost: ['bad', (event) => `GPU ${event.gpu} cannot be read: ${why(event)}`],
  gpus_absent: ['quiet', (event) => `No GPU is watched: ${event.reason}`],
  gpus_unreadable: ['bad', (event) => `No GPU can be read: ${why(event)}`],
};

/** Of a translation that was too long for its time. */
const OUTCOMES = { fits: 'and fits', shorter: 'and is shorter', none: 'to no use' };
const RESULTS = { success: 'quiet', partial: 'warn', failed: 'bad' };
/** Told by the result of the fragment as well. */
const TWICE = new Set(['stage_failed']);
const TROUBLE = new Set(['warn', 'bad']);

function describe(event) {
  const { number, timestamp, kind, event: name, ...rest } = event;
  if (name === 'backpressure' && event.severity === 'low') return ['ok', `${stream(event)} is under low load again`];
  if (name === 'fragment_processed') return [RESULTS[event.status] ?? 'unknown', SENTENCES[name][1](event)];
  if (name === 'breaker_changed' && event.breaker === 'closed') return ['ok', SENTENCES[name][1](event)];
  const known = SENTENCES[name];
  return known ? [known[0], known[1](event)] : [kind === 'error' ? 'bad' : 'quiet', `${name.replaceAll('_', ' ')} ${JSON.stringify(rest)}`];
}

export class Events {
  #list = new Keyed(byId('event-list'), () => create());
  #trouble = byId('events-trouble');
  #latest = [];

  constructor() { this.#trouble.addEventListener('change', () => this.#render()); }

  show(recent) {
    setHidden(byId('events'), !recent);
    if (!recent) return;
    this.#latest = recent.events;
    this.#render();
  }

  #render() {
    const described = this.#latest.filter(({ event }) => !TWICE.has(event)).map((event) => [event, describe(event)]).reverse();
    const shown = described.filter(([, [kind]]) => !this.#trouble.checked || TROUBLE.has(kind));
    // Numbers begin anew when the service does.
    this.#list.show(shown, ([event]) => `${event.number} ${event.timestamp}`, (part, [event, [kind, sentence]]) => {
      if (part.node.textContent) return;
      part.node.dataset.kind = kind;
      part.node.append(element('time', timeOfDay(Date.parse(event.timestamp)), { datetime: event.timestamp }));
      part.node.append(element('span', sentence));
    });
    setHidden(byId('events-none'), shown.length > 0);
    setHidden(byId('event-list').parentElement, shown.length === 0);
  }
}

const create = () => ({ node: element('li') });
