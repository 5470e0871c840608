// The bound on connections: in total, of one token, from one address; the service is told which to have.
import assert from 'node:assert/strict';
import { Worker, eventually, refusedConnection } from './harness.mjs';

const LIMIT = 2;
const [token] = (process.env.WORKER_TOKENS ?? '').split(',');
const options = token ? { auth: { token } } : {};

export async function oneConnectionTooMany() {
  const workers = [];
  for (let index = 0; index < LIMIT; index += 1) workers.push(await Worker.connect(`node-of-many-${index}`, options));
  for (const worker of workers) await worker.init();
  const message = await refusedConnection('node-too-many', options);
  assert.ok(message.startsWith('SERVICE_OVERLOADED: '), message);
  // Those that are in have not noticed, and one that leaves makes room.
  await workers[0].accepted(0, 1, 1);
  await workers[0].result(0);
  await workers[1].finish();
  const next = await eventually('room', () => Worker.connect('node-next', options).catch(() => null));
  await next.init();
  await next.finish();
  await workers[0].finish();
}
