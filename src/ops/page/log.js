// How much is logged: asked for once a connection, and set by a button.

import { ask } from './action.js';
import { byId, setHidden, setText } from './dom.js';

const LEVELS = [
  { value: 'critical', label: 'critical' },
  { value: 'error', label: 'error' },
  { value: 'warning', label: 'warning' },
  { value: 'info', label: 'info', what: 'each fragment, stage and stream' },
  { value: 'debug', label: 'debug', what: 'may hold what was said; costs time and room' },
  { value: 'trace', label: 'trace', what: 'more of it, in a build for development alone' },
];

export class Log {
  #api;
  #button = byId('log-level');
  #level = null;

  constructor(api) {
    this.#api = api;
    this.#button.addEventListener('click', () => ask({
      title: 'Set the log level', verb: 'Set',
      what: 'Holds for the whole service, at once, until it is set again or the service ends.',
      fields: [{ name: 'level', label: 'Log', options: LEVELS, value: this.#level }],
      run: async ({ level }) => {
        const done = await api.put('/log', { level });
        this.#show(done.level ?? level);
        return `The log level is ${done.level ?? level}.`;
      },
    }));
  }

  /** Asks what it is. */
  async refresh() {
    try {
      this.#show((await this.#api.get('/log')).level);
    } catch {
      setHidden(this.#button, true);
    }
  }

  #show(level) {
    this.#level = level;
    setText(this.#button.querySelector('[data-field]'), level);
    setHidden(this.#button, false);
  }
}
