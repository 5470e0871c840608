// Requests to the control plane, with the operator's token where there is one.

/** What the service said instead of doing it. */
export class Refusal extends Error {}

export class Api {
  #token;

  constructor(token) { this.#token = token; }

  get(path) { return this.#ask('GET', path); }
  post(path, body) { return this.#ask('POST', path, body); }
  put(path, body) { return this.#ask('PUT', path, body); }

  async #ask(method, path, body) {
    const headers = {};
    if (this.#token()) headers.Authorization = `Bearer ${this.#token()}`;
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    let response;
    try {
      response = await fetch(`/api/v1${path}`, {
        method, headers, body: body === undefined ? undefined : JSON.stringify(body), cache: 'no-store',
        credentials: 'omit',
      });
    } catch {
      throw new Refusal('The service does not answer.');
    }
    const answer = await response.json().catch(() => ({}));
    if (response.ok) return answer;
    throw new Refusal(answer.message ? `${answer.message} (${answer.code}, HTTP ${response.status})` : `HTTP ${response.status}`);
  }
}
