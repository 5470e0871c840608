// Who may connect, and whose a stream is.
import assert from 'node:assert/strict';
import { INIT, Worker, refusedConnection } from './harness.mjs';

const [OLD, NEW] = (process.env.WORKER_TOKENS ?? '').split(',');
const by = (token) => ({ auth: { token } });

export async function strangersAreToldSo() {
  for (const options of [{}, by('wrong'), by(''), by(`${OLD}x`), by(7),
    { extraHeaders: { Authorization: 'Bearer wrong' } }, { extraHeaders: { Authorization: OLD } }]) {
    const message = await refusedConnection('node-stranger', options);
    assert.ok(message.startsWith('UNAUTHORIZED: '), message);
    assert.ok(!message.includes(OLD) && !message.includes(NEW));
  }
}

export async function everyTokenOpensByAuthAndByHeader() {
  for (const token of [OLD, NEW]) {
    for (const options of [by(token), { extraHeaders: { Authorization: `Bearer ${token}` } }]) {
      const worker = await Worker.connect('node-let-in', options);
      await worker.init();
      worker.emit('stream:end');
      await worker.next('stream:complete');
      await worker.finish();
    }
  }
}

export async function aStreamBelongsToTheTokenThatOpenedIt() {
  const headers = { extraHeaders: { 'X-Stream-ID': 'node-owned', 'X-Worker-ID': 'node' } };
  const owner = await Worker.connect('node-owned', { ...headers, ...by(OLD) });
  const { session_id } = await owner.init();
  const resume = { session_id, last_sequence_received: null };
  const thief = await Worker.connect('node-owned', { ...headers, ...by(NEW) });
  const stolen = await thief.refused('stream:init', { ...INIT, resume }, 'STREAM_NOT_FOUND');
  const guess = { ...INIT, resume: { session_id: 'guessed' } };
  const guessed = await thief.refused('stream:init', guess, 'STREAM_NOT_FOUND');
  assert.equal(stolen.message, guessed.message);
  await thief.refused('fragment:data', { ...thief.fragment(0, 1), stream_id: 'node-owned' }, 'STREAM_NOT_FOUND');
  await thief.refused('stream:init', INIT, 'INVALID_CONFIG', 'stream_id');
  await thief.finish();
  // … nor while its worker is away.
  await owner.breakOff();
  const late = await Worker.connect('node-owned', { ...headers, ...by(NEW) });
  const away = await late.refused('stream:init', { ...INIT, resume }, 'STREAM_NOT_FOUND');
  assert.equal(away.message, guessed.message);
  await late.finish();
  const back = await Worker.connect('node-owned', { ...headers, ...by(OLD) });
  assert.equal((await back.init({ resume })).resumed, true);
  await back.finish();
}

export async function idsAreBounded() {
  for (const bad of ['x'.repeat(129), 'a b', 'ü', 'a\u0001', '']) {
    for (const field of ['stream_id', 'worker_id']) {
      const message = await refusedConnection('node-bad-id', { extraHeaders: {}, auth: { token: OLD, [field]: bad } });
      assert.ok(message.startsWith('INVALID_CONFIG: ') && message.includes(field), message);
    }
  }
  for (const [header, field] of [['X-Stream-ID', 'stream_id'], ['X-Worker-ID', 'worker_id']]) {
    const message = await refusedConnection('node-bad-id', { extraHeaders: { [header]: 'x'.repeat(129) }, ...by(OLD) });
    assert.ok(message.startsWith('INVALID_CONFIG: ') && message.includes(field), message);
  }
  const longest = 'x'.repeat(128);
  const worker = await Worker.connect('node-long-id', { extraHeaders: {}, auth: { token: OLD, stream_id: longest } });
  assert.equal((await worker.init()).stream_id, longest);
  await worker.finish();
}
