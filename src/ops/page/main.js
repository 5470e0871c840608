// The operators' page: what the feed says, shown in place; what operators do, sent to the API.

import { Actors } from './actors.js';
import { Api } from './api.js';
import { Connection } from './connection.js';
import { Events } from './events.js';
import { Feed } from './feed.js';
import { Gpus } from './gpus.js';
import { Log } from './log.js';
import { Service } from './service.js';
import { Stages } from './stages.js';
import { Rate, Streams } from './streams.js';
import { Token } from './token.js';

const token = new Token({
  given: () => feed.open(),
  declined: () => connection.unknown(),
});
const api = new Api(() => token.get());
const [service, stages, streams] = [new Service(api), new Stages(api), new Streams(api)];
const [gpus, events, actors, log] = [new Gpus(), new Events(), new Actors(api), new Log(api)];
const rate = new Rate();
let [latest, rateNow, live] = [null, null, false];

const feed = new Feed(() => token.get(), {
  picture(snapshot) {
    latest = snapshot;
    if (snapshot.stages) stages.note(snapshot.stages);
    if (snapshot.streams) rateNow = rate.note(snapshot.streams.streams, performance.now() / 1000);
    token.accepted();
    connection.live();
    if (!live) log.refresh();
    live = true;
    show();
  },
  lost(retryAt) {
    live = false;
    connection.lost(retryAt);
  },
  refused() {
    live = false;
    token.ask();
  },
});

const connection = new Connection((state) => {
  if (state === 'unknown') token.ask();
  else feed.retry();
});

function show() {
  // Nobody looks: what has come meanwhile is drawn once, when somebody does.
  if (document.hidden || !latest) return;
  // What did not answer in time is absent from the picture.
  if (latest.service) service.show(latest.service, latest.streams?.streams, rateNow);
  if (latest.stages) stages.show(latest.stages, latest.translators ?? []);
  streams.show(latest.streams);
  events.show(latest.events);
  gpus.show(latest.gpus);
  actors.show(latest.actors);
}

document.addEventListener('visibilitychange', show);
feed.open();
