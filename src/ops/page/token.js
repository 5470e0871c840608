// The operator's token: asked for when the service wants one, kept by this tab alone, never in an address.

import { byId, setHidden, setText } from './dom.js';

const KEY = 'sts-operator-token';

export class Token {
  #dialog = byId('token');
  #input = byId('token-text');

  /** `given()` is called when there is another token to try; `declined()` when the operator gives none. */
  constructor({ given, declined }) {
    this.#dialog.addEventListener('submit', () => {
      sessionStorage.setItem(KEY, this.#input.value.trim());
      this.#input.value = '';
      given();
    });
    this.#dialog.addEventListener('cancel', declined);
    byId('token-cancel').addEventListener('click', () => {
      this.#dialog.close();
      declined();
    });
    byId('forget-token').addEventListener('click', () => {
      sessionStorage.removeItem(KEY);
      window.location.reload();
    });
  }

  /** The token, or an empty text. */
  get() { return sessionStorage.getItem(KEY) ?? ''; }

  /** The token was taken, if there is one. */
  accepted() { setHidden(byId('forget-token'), !this.get()); }

  /** Asks for one; says so when one was refused. */
  ask() {
    const refused = this.get() !== '';
    sessionStorage.removeItem(KEY);
    setHidden(byId('forget-token'), true);
    setText(byId('token-outcome'), refused ? 'The service does not take this token.' : '');
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#input.focus();
  }
}
