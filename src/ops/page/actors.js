// The actors and their mailboxes. Drawn only while it is unfolded.

import { ask } from './action.js';
import { Keyed, byId, element, instantiate, setBadge, setHidden, setOptionalText, setText } from './dom.js';
import { count } from './format.js';

export class Actors {
  #api;
  #section = byId('actors');
  #details = this.#section.querySelector('details');
  #rows = new Keyed(byId('actors-body'), (name) => this.#create(name));
  #latest = [];

  constructor(api) {
    this.#api = api;
    this.#details.addEventListener('toggle', () => this.#render());
  }

  show(actors) {
    setHidden(this.#section, !actors?.length);
    this.#latest = actors ?? [];
    this.#render();
  }

  #render() {
    const actors = this.#latest;
    const lost = actors.filter(({ alive }) => !alive).length;
    const waiting = actors.reduce((sum, { mailbox_depth: depth }) => sum + depth, 0);
    const counted = [`${count(actors.length)}`, `${count(waiting)} messages wait`];
    if (lost) counted.push(`${count(lost)} panicked`);
    setText(byId('actors-count'), counted.join(', '));
    if (!this.#details.open) return;
    // Streams have a table of their own: here are those that something is the matter with.
    const isShown = ({ kind, alive, mailbox_depth: depth, last_error: error }) => kind !== 'stream' || !alive || depth > 0 || error;
    const shown = actors.filter(isShown);
    this.#rows.show(shown, ({ actor, alive }) => `${actor} ${alive}`, update);
    const left = actors.length - shown.length;
    setOptionalText(byId('actors-left'), left ? `And ${count(left)} actors of streams, whose mailboxes are empty.` : '');
  }

  #create(key) {
    const row = instantiate('actor-template');
    const name = key.slice(0, key.lastIndexOf(' '));
    row.fields.look.append(element('span', ` of ${name}`, { class: 'unseen' }));
    row.fields.look.addEventListener('click', () => ask({
      title: `State of ${name}`, verb: 'Look',
      what: 'Asks the actor what it shows of itself. Nothing is changed.',
      run: async () => {
        const { state } = await this.#api.get(`/actors/${encodeURIComponent(name)}`);
        return state ? JSON.stringify(state, null, 2) : 'It shows nothing, or did not answer in time.';
      },
    }));
    return row;
  }
}

function update({ fields }, actor) {
  const [waiting, room] = [actor.mailbox_depth, actor.mailbox_capacity];
  const full = room ? waiting / room : 0;
  setText(fields.actor, actor.actor);
  setText(fields.kind, actor.kind);
  if (!actor.alive) setBadge(fields.mailbox, 'bad', 'panicked');
  else setBadge(fields.mailbox, full > 0.8 ? 'bad' : full > 0.5 ? 'warn' : 'quiet', `${count(waiting)} of ${count(room)}`);
  setText(fields.handled, count(actor.messages_handled));
  setText(fields.restarts, count(actor.restarts));
  setText(fields.error, actor.last_error ?? '');
}
