// The table of streams: kept in place from second to second, sorted and filtered as the operator likes.

import { ask } from './action.js';
import { announce } from './announcer.js';
import { Keyed, byId, element, instantiate, setAttribute, setBadge, setHidden, setOptionalText, setText } from './dom.js';
import { count, duration } from './format.js';
import { inStage } from './names.js';
import { draw } from './sparkline.js';

/** Rows that are shown before somebody asks for all of them. */
const SHOWN = 100;
/** Results in a sparkline. */
const RECENT = 60;

const STATES = {
  initializing: ['busy', 'opening'], active: ['ok', 'active'], paused: ['paused', 'paused'],
  detached: ['warn', 'worker away'], ending: ['busy', 'ending'], closed: ['unknown', 'closed'],
};
const LEVELS = { low: ['quiet', 'low'], medium: ['warn', 'medium'], high: ['bad', 'high'] };
const COUNTS = ['received', 'success', 'partial', 'failed', 'skipped'];
const rank = (names) => { const order = Object.keys(names); return (name) => order.indexOf(name); };
const [stateRank, levelRank] = [rank(STATES), rank(LEVELS)];

/** `value` is sorted by; numbers begin with the largest. */
const COLUMNS = [
  { key: 'id', label: 'Stream', value: (stream) => stream.stream_id },
  { key: 'state', label: 'State', value: (stream) => stateRank(stream.state), down: true },
  { key: 'level', label: 'Load', value: (stream) => levelRank(stream.level), down: true },
  { key: 'in_flight', label: 'In flight', value: (stream) => stream.in_flight, down: true, number: true },
  { key: 'processing', label: 'Processing', value: (stream) => stream.processing_ms.p95, down: true },
  ...COUNTS.map((key) => (
    { key, label: key[0].toUpperCase() + key.slice(1), value: (stream) => stream.fragments[key], down: true, number: true })),
  { key: 'error', label: 'Last error', value: (stream) => -(stream.last_error?.ms_ago ?? Infinity), down: true },
];

const FILTERS = {
  all: () => true,
  trouble: (stream) => stream.fragments.failed > 0 || Boolean(stream.last_error),
  pressure: (stream) => stream.level !== 'low',
  away: (stream) => stream.state !== 'active',
};

export class Streams {
  #api;
  #body = byId('streams-body');
  #rows = new Keyed(this.#body, (id) => this.#create(id));
  #filter = byId('streams-filter');
  #which = byId('streams-show');
  #sort = byId('streams-sort');
  #more = byId('streams-more');
  #heads = new Map();
  #by = COLUMNS[0];
  #down = false;
  #all = false;
  #latest = null;

  constructor(api) {
    this.#api = api;
    for (const column of COLUMNS) this.#addColumn(column);
    const actions = element('th', '', { role: 'columnheader', scope: 'col', 'data-column': 'actions' });
    actions.append(element('span', 'Actions', { class: 'unseen' }));
    byId('streams-head').append(actions);
    this.#sort.addEventListener('change', () => this.#sortBy(COLUMNS.find(({ key }) => key === this.#sort.value)));
    for (const input of [this.#filter, this.#which]) {
      input.addEventListener('input', () => { this.#render(true); announce(byId('streams-count').textContent); });
    }
    this.#more.addEventListener('click', () => { this.#all = !this.#all; this.#render(true); });
    this.#showSort();
  }

  /** `list`: the streams, how many there are in all, and who did not answer. */
  show(list) {
    setHidden(byId('streams'), !list);
    if (!list) return;
    this.#latest = list;
    this.#render(false);
  }

  #addColumn(column) {
    const head = element('th', '', { role: 'columnheader', scope: 'col', 'data-column': column.key, ...(column.number ? { class: 'number' } : {}) });
    const button = element('button', column.label, { type: 'button' });
    button.addEventListener('click', () => this.#sortBy(column));
    head.append(button);
    byId('streams-head').append(head);
    this.#heads.set(column, head);
    this.#sort.append(element('option', column.label, { value: column.key }));
  }

  #sortBy(column) {
    this.#down = this.#by === column ? !this.#down : Boolean(column.down);
    this.#by = column;
    this.#showSort();
    this.#render(true);
  }

  #showSort() {
    for (const [column, head] of this.#heads) {
      const order = this.#down ? 'descending' : 'ascending';
      setAttribute(head, 'aria-sort', column === this.#by ? order : null);
    }
    this.#sort.value = this.#by.key;
  }

  /** Rows must not run away from a pointer or from the focus; what the operator asks for is done all the same. */
  #held() {
    return this.#body.contains(document.activeElement) || this.#body.matches(':hover');
  }

  #chosen() {
    const wanted = this.#filter.value.trim().toLowerCase();
    const texts = ({ stream_id, worker_id, source_language, target_language, voice_profile, last_error }) =>
      [stream_id, worker_id, source_language, target_language, voice_profile, last_error?.code, last_error?.message];
    const chosen = this.#latest.streams.filter(FILTERS[this.#which.value]).filter((stream) =>
      !wanted || texts(stream).some((text) => text?.toLowerCase().includes(wanted)));
    const { value } = this.#by;
    const sign = this.#down ? -1 : 1;
    const compare = (one, other) => (one === other ? 0 : one < other ? -1 : 1);
    return chosen.sort((one, other) =>
      sign * compare(value(one), value(other)) || compare(one.stream_id, other.stream_id));
  }

  #render(asked) {
    if (!this.#latest) return;
    const { streams, total, unanswered = [] } = this.#latest;
    const chosen = this.#chosen();
    const shown = this.#all ? chosen : chosen.slice(0, SHOWN);
    const held = !asked && this.#held();
    this.#rows.show(shown, ({ stream_id: id }) => id, (row, stream) => this.#update(row, stream), !held);

    const parts = [shown.length === total ? `${count(total)}` : `${count(shown.length)} of ${count(total)}`];
    if (streams.length < total) parts.push(`only the first ${count(streams.length)} are looked at`);
    if (unanswered.length) parts.push(`${count(unanswered.length)} did not answer`);
    if (held && this.#by.key !== 'id') parts.push('order held while you are in it');
    setText(byId('streams-count'), parts.join(' · '));
    setOptionalText(byId('streams-none'), shown.length ? '' : total ? 'No stream is like that.' : 'No stream is open.');
    setHidden(this.#more, chosen.length <= SHOWN);
    setText(this.#more, this.#all ? `Show only ${SHOWN}` : `Show all ${count(chosen.length)}`);
  }

  #create(id) {
    const row = instantiate('stream-template');
    row.fields.drain.append(element('span', ` ${id}`, { class: 'unseen' }));
    row.fields.drain.addEventListener('click', () => ask({
      title: `Drain stream ${id}`, verb: 'Drain', danger: true,
      what: 'Finishes and delivers the fragments that were accepted, then ends the stream. Its worker is told that it is complete; later fragments are refused.',
      run: async () => {
        const done = await this.#api.post(`/streams/${encodeURIComponent(id)}/drain`);
        const left = done.in_flight ?? 0;
        return left ? `The stream ends once ${count(left)} ${left === 1 ? 'fragment is' : 'fragments are'} delivered.` : 'The stream ends; nothing was in flight.';
      },
    }));
    return row;
  }

  #update({ fields }, stream) {
    setText(fields.id, stream.stream_id);
    setText(fields.about, `${stream.source_language} → ${stream.target_language} · ${stream.worker_id}`);
    setBadge(fields.state, ...(STATES[stream.state] ?? ['unknown', stream.state]));
    setBadge(fields.level, ...(LEVELS[stream.level] ?? ['unknown', stream.level]));
    setText(fields.in_flight, count(stream.in_flight));
    const { p50, p95, recent } = stream.processing_ms;
    draw(fields.spark, recent, RECENT);
    setText(fields.times, recent.length ? `${duration(p50)} · p95 ${duration(p95)}` : '–');
    for (const key of COUNTS) {
      const node = fields[key];
      const amount = stream.fragments[key] ?? 0;
      setText(node, count(amount));
      node.classList.toggle('zero', amount === 0);
    }
    const error = stream.last_error;
    setText(fields.error, error
      ? `${error.code}${error.stage ? ` in ${inStage(error.stage)}` : ''}, ${duration(error.ms_ago)} ago: ${error.message}` : '');
  }
}

/** Results a second, over the last seconds, from how the streams' counts grow. */
export class Rate {
  #done = new Map();
  #grown = [];

  /** `now`: seconds. Gives null until there is something to compare with. */
  note(streams, now) {
    let results = 0;
    const seen = new Map();
    for (const { stream_id: id, fragments } of streams) {
      const done = fragments.success + fragments.partial + fragments.failed;
      const before = this.#done.get(id);
      if (before !== undefined && done > before) results += done - before;
      seen.set(id, done);
    }
    this.#done = seen;
    this.#grown = [...this.#grown, { now, results }].slice(-11);
    if (this.#grown.length < 2) return null;
    const time = now - this.#grown[0].now;
    return time > 0 ? this.#grown.slice(1).reduce((sum, grown) => sum + grown.results, 0) / time : null;
  }
}
