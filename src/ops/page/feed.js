// The connection to /api/v1/feed: once a second the whole picture; reconnects by itself, ever less often.

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 15_000;
/** Without a picture for so long the connection counts as gone: there is one a second. */
const SILENCE_MS = 5000;
/** Close code of a refusal: the token is missing, wrong, or not valid any more. */
const REFUSED = 1008;

export class Feed {
  #socket = null;
  #timer = null;
  #wait = FIRST_WAIT_MS;
  #handlers;
  #token;

  /**
   * `handlers`: `picture(snapshot)`, `lost(retryAt)` with a time of `performance.now()`, `refused(why)`;
   * `token()` gives the token to show, or an empty text.
   */
  constructor(token, handlers) {
    this.#token = token;
    this.#handlers = handlers;
    window.addEventListener('online', () => this.retry());
  }

  /** Connects, now and without regard to what was before. */
  open() {
    this.close();
    const socket = new WebSocket(new URL('/api/v1/feed', window.location.href.replace(/^http/, 'ws')));
    this.#socket = socket;
    this.#watch(socket);
    socket.addEventListener('open', () => socket.send(JSON.stringify({ token: this.#token() })));
    socket.addEventListener('message', ({ data }) => {
      if (socket !== this.#socket) return;
      this.#wait = FIRST_WAIT_MS;
      this.#watch(socket);
      this.#handlers.picture(JSON.parse(data));
    });
    socket.addEventListener('close', ({ code, reason }) => {
      if (socket !== this.#socket) return;
      if (code === REFUSED) {
        this.close();
        this.#handlers.refused(reason);
      } else {
        this.#lose();
      }
    });
  }

  /** Does not wait any longer for the next attempt, if that is what it does. */
  retry() {
    if (!this.#socket && this.#timer) this.open();
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #watch(socket) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { if (socket === this.#socket) this.#lose(); }, SILENCE_MS);
  }

  #lose() {
    this.close();
    // Not all operators at once, when a service comes back.
    const wait = this.#wait * (0.75 + Math.random() / 2);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#handlers.lost(performance.now() + wait);
  }
}
