// A connection that breaks is said to be gone, with how old what is shown is, and comes back by itself.
import assert from 'node:assert/strict';
import { connect, createServer } from 'node:net';
import { once } from 'node:events';
import { Tab } from './browser.mjs';

/** A way to the service that can be cut. */
class Way {
  #sockets = new Set();
  #port = 0;

  constructor(target) { this.target = new URL(target); }

  async open() {
    this.server = createServer((near) => {
      const far = connect(Number(this.target.port), this.target.hostname);
      for (const socket of [near, far]) {
        this.#sockets.add(socket);
        socket.on('error', () => {}).on('close', () => { this.#sockets.delete(socket); near.destroy(); far.destroy(); });
      }
      near.pipe(far).pipe(near);
    });
    this.server.listen(this.#port, '127.0.0.1');
    await once(this.server, 'listening');
    this.#port = this.server.address().port;
    return `http://127.0.0.1:${this.#port}`;
  }

  async cut() {
    this.server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.server, 'close');
  }
}

export default async function connection(browser, operators) {
  const way = new Way(operators);
  const tab = await Tab.open(browser, await way.open());
  tab.expect(/WebSocket|ERR_/);
  await tab.ready();
  assert.equal(await tab.visible('#gone'), false);

  await way.cut();
  await tab.page.waitForSelector('#gone:not([hidden])');
  await tab.until('#announcer', (text) => text.includes('connection to the service is gone'));
  const age = (text) => Number(/What you see is (\d+) s old/.exec(text)?.[1] ?? -1);
  const before = age(await tab.until('#gone', (text) => age(text) >= 0));
  await tab.until('#gone', (text) => age(text) > before, 'the age grows');
  assert.equal(await tab.page.evaluate(() => document.documentElement.classList.contains('stale')), true);

  await way.open();
  await tab.page.waitForSelector('#gone', { hidden: true });
  await tab.ready();

  process.kill(Number(process.env.SERVICE_PID), 'SIGKILL');
  await tab.page.waitForSelector('#gone:not([hidden])');
  await tab.until('#gone', (text) => /Next attempt in \d+ s/.test(text));
  await way.cut();
  await tab.close();
}
