// Whether what is shown is the present: a notice when it is not, with how old it is.

import { announce } from './announcer.js';
import { byId, fieldsOf, setHidden, setText } from './dom.js';
import { span } from './format.js';

/** Pictures come every second; a little lateness is no news. */
const LATE_MS = 3000;

const NOTICES = {
  late: { what: 'No news from the service.' },
  lost: { what: 'The connection to the service is gone.', button: 'Try now' },
  unknown: { what: 'Nothing is shown without an operator’s token.', button: 'Enter a token…' },
};

export class Connection {
  #notice = byId('gone');
  #fields = fieldsOf(this.#notice);
  #seen = null;
  #retryAt = null;
  #state = 'connecting';

  /** `act(state)` is called when the notice's button is pressed. */
  constructor(act) {
    this.#fields.again.addEventListener('click', () => act(this.#state));
    setInterval(() => this.#watch(), 1000);
  }

  /** A picture came. */
  live() {
    this.#seen = performance.now();
    this.#enter('live');
  }

  /** The connection is gone; the next attempt is at `retryAt`. */
  lost(retryAt) {
    this.#retryAt = retryAt;
    this.#enter('lost');
  }

  /** The service wants a token, and the operator gave none. */
  unknown() { this.#enter('unknown'); }

  #watch() {
    if (this.#state === 'live' && performance.now() - this.#seen > LATE_MS) this.#enter('late');
    else this.#show();
  }

  #enter(state) {
    const before = this.#state;
    this.#state = state;
    if (before !== state && state in NOTICES) announce(NOTICES[state].what);
    if (before !== 'connecting' && before !== state && state === 'live') announce('The service is shown live again.');
    this.#show();
  }

  #show() {
    const notice = NOTICES[this.#state];
    document.documentElement.classList.toggle('stale', Boolean(notice));
    setHidden(this.#notice, !notice);
    if (!notice) return;
    setText(this.#fields.what, notice.what);
    setText(this.#fields.age, [this.#age(), this.#attempt()].filter(Boolean).join(' '));
    setText(this.#fields.again, notice.button ?? '');
    setHidden(this.#fields.again, !notice.button);
  }

  #age() {
    if (this.#seen === null) return this.#state === 'unknown' ? '' : 'Nothing was received yet.';
    return `What you see is ${span((performance.now() - this.#seen) / 1000)} old.`;
  }

  #attempt() {
    if (this.#state !== 'lost') return '';
    const wait = Math.ceil((this.#retryAt - performance.now()) / 1000);
    return wait > 0 ? `Next attempt in ${wait} s.` : 'Trying again…';
  }
}
