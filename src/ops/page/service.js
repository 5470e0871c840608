// The service as a whole, at the top of the page.

import { ask } from './action.js';
import { Changes } from './announcer.js';
import { byId, fieldsOf, setBadge, setOptionalText, setText } from './dom.js';
import { count, decimal, span } from './format.js';

const KINDS = { ready: 'ok', starting: 'warn', draining: 'paused' };

export class Service {
  #facts = fieldsOf(byId('service-facts'));
  #changes = new Changes();

  constructor(api) {
    byId('drain-service').addEventListener('click', () => ask({
      title: 'Drain the service', verb: 'Drain and end', danger: true,
      what: 'Takes no new stream and no new fragment, finishes and delivers what was accepted, and then ends the process. Whether it starts again is up to whatever runs it.',
      run: async () => {
        const { state } = await api.post('/service/drain');
        return `The service is ${state}. This page loses its connection when it ends.`;
      },
    }));
  }

  show(service, streams, rate) {
    const kind = KINDS[service.state] ?? 'bad';
    setBadge(byId('service-state'), kind, service.state);
    setOptionalText(byId('service-reason'), service.state === 'draining' ? '' : service.reason);
    this.#changes.note('service', service.state, `The service is ${service.state}.`);
    setText(this.#facts.streams, count(service.streams));
    setText(this.#facts.connections, count(service.connections));
    setText(this.#facts.in_flight, streams ? count(streams.reduce((sum, stream) => sum + stream.in_flight, 0)) : '–');
    setText(this.#facts.rate, rate === null ? '–' : decimal(rate));
    setText(this.#facts.uptime, span(service.uptime_s));
    setText(this.#facts.version, service.version);
    // A tab in the background tells by its name.
    document.title = kind === 'ok' ? 'sts operators' : `(${service.state}) sts operators`;
  }
}
