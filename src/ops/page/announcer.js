// Tells a screen reader what changed of itself and matters; what only moves every second stays silent.

import { byId } from './dom.js';

const region = byId('announcer');
let waiting = [];

export function announce(text) {
  waiting.push(text);
  // Several at once are read as one: a live region that is overwritten loses the first.
  if (waiting.length === 1) {
    setTimeout(() => {
      region.textContent = waiting.slice(-5).join(' ');
      waiting = [];
    }, 200);
  }
}

/** Announces a state of something whenever it is another than before. */
export class Changes {
  #known = new Map();

  note(key, state, text) {
    const before = this.#known.get(key);
    this.#known.set(key, state);
    if (before !== undefined && before !== state) announce(text);
  }
}
