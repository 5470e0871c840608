// The operators' page: what the feed says, shown in place; what operators do, sent to the API.

import { Api } from './api.js';
import { Connection } from './connection.js';
import { Feed } from './feed.js';
import { Service } from './service.js';
import { Stages } from './stages.js';
import { Token } from './token.js';

const token = new Token({
  given: () => feed.open(),
  declined: () => connection.unknown(),
});
const api = new Api(() => token.get());
const parts = { service: new Service(api), stages: new Stages(api) };
let latest = null;

const feed = new Feed(() => token.get(), {
  picture(snapshot) {
    latest = snapshot;
    token.accepted();
    connection.live();
    show();
  },
  lost(retryAt) { connection.lost(retryAt); },
  refused() { token.ask(); },
});

const connection = new Connection((state) => {
  if (state === 'unknown') token.ask();
  else feed.retry();
});

function show() {
  // Nobody looks: what has come meanwhile is drawn once, when somebody does.
  if (document.hidden || !latest) return;
  parts.service.show(latest.service, latest.streams, null);
  parts.stages.show(latest.stages);
}

document.addEventListener('visibilitychange', show);
feed.open();
