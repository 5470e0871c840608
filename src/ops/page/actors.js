// The actors and their mailboxes. Drawn only while it is unfolded.

import { Keyed, byId, element, setHidden, setText } from './dom.js';
import { count } from './format.js';

const CELLS = ['actor', 'kind', 'mailbox', 'handled', 'restarts', 'error', 'state'];
const NUMBERS = new Set(['handled', 'restarts']);

export class Actors {
  #section = byId('actors');
  #details = this.#section.querySelector('details');
  #rows = new Keyed(byId('actors-body'), create);
  #latest = null;

  constructor() { this.#details.addEventListener('toggle', () => this.#render()); }

  show(actors) {
    setHidden(this.#section, !actors?.length);
    this.#latest = actors;
    if (actors?.length) this.#render();
  }

  #render() {
    const actors = this.#latest ?? [];
    const fullest = actors.reduce((most, actor) => (fullness(actor) > fullness(most) ? actor : most), actors[0]);
    setText(byId('actors-count'), fullest
      ? `${count(actors.length)}, fullest mailbox: ${fullest.actor}, ${depth(fullest)}` : '');
    if (this.#details.open) this.#rows.show(actors, ({ actor }) => actor, update);
  }
}

const fullness = ({ mailbox_depth: waiting, mailbox_capacity: room }) => (room ? waiting / room : 0);
const depth = ({ mailbox_depth: waiting, mailbox_capacity: room }) => `${count(waiting)} of ${count(room)}`;

function create() {
  const node = element('tr');
  const cells = Object.fromEntries(CELLS.map((name) => {
    const cell = element(name === 'actor' ? 'th' : 'td', '', {
      ...(name === 'actor' ? { scope: 'row' } : {}), ...(NUMBERS.has(name) ? { class: 'number' } : {}),
      ...(name === 'state' ? { class: 'state' } : {}),
    });
    node.append(cell);
    return [name, cell];
  }));
  return { node, cells };
}

function update({ cells }, actor) {
  setText(cells.actor, actor.actor);
  setText(cells.kind, actor.kind);
  setText(cells.mailbox, depth(actor));
  cells.mailbox.dataset.kind = fullness(actor) > 0.8 ? 'bad' : fullness(actor) > 0.5 ? 'warn' : '';
  setText(cells.handled, count(actor.messages_handled));
  setText(cells.restarts, count(actor.restarts));
  const error = actor.last_error;
  setText(cells.error, error ? (error.message ?? error) : '');
  setText(cells.state, actor.state ? JSON.stringify(actor.state) : '');
}
