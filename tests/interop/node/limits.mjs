// Limits of one connection: the size of a fragment, messages a second, the time until stream:init.
import assert from 'node:assert/strict';
import { INIT, Worker, checkError, samples } from './harness.mjs';

const MAX_BYTES = Number(process.env.MAX_FRAGMENT_BYTES);
const PER_SECOND = Number(process.env.MAX_MESSAGES_PER_SECOND);
const INIT_TIMEOUT_MS = Number(process.env.INIT_TIMEOUT_MS);

export async function aFragmentMayBeTooLarge() {
  const worker = await Worker.connect('node-large');
  await worker.init();
  const frames = MAX_BYTES / 2 + 1000;
  const large = samples(1, 1, frames);
  const changes = { duration_ms: frames / 16 };
  for (const audio of [large.toString('base64'), large]) {
    const fragment = worker.fragment(0, 1, 1, { ...changes, audio });
    const error = await worker.refused('fragment:data', fragment, 'FRAGMENT_TOO_LARGE', String(MAX_BYTES));
    assert.equal(error.fragment_id, 'f-0');
  }
  checkError(await worker.call('fragment:data', worker.fragment(0, 1, 1, { ...changes, audio: large })),
    'FRAGMENT_TOO_LARGE');
  await worker.next('error');
  const audio = samples(1, 1, MAX_BYTES / 2).toString('base64');
  await worker.accepted(0, 1, 1, { audio, duration_ms: MAX_BYTES / 32 });
  await worker.result(0);
  await worker.finish();
}

export async function messagesMayComeTooFast() {
  const worker = await Worker.connect('node-fast');
  await worker.init({ first_sequence_number: 0 });
  await worker.accepted(0, 1, 1);
  await worker.result(0);
  // A burst of twice the limit is taken; of four times the limit, some is not even looked at.
  const wrong = worker.fragment(1, 1, 1,
    { stream_id: 'other', audio: samples(1, 1, 160).toString('base64'), duration_ms: 10 });
  const replies = await Promise.all(Array.from({ length: PER_SECOND * 4 }, () => worker.call('fragment:data', wrong)));
  const refused = replies.filter((reply) => reply.code === 'RATE_LIMIT_EXCEEDED');
  const lookedAt = replies.filter((reply) => reply.code === 'STREAM_NOT_FOUND');
  assert.equal(refused.length + lookedAt.length, replies.length);
  assert.ok(refused.length >= PER_SECOND && lookedAt.length >= PER_SECOND, `${refused.length} were refused`);
  const told = [];
  while (told.length < replies.length) told.push((await worker.next('error')).code);
  const toldSo = told.filter((code) => code === 'RATE_LIMIT_EXCEEDED');
  assert.equal(toldSo.length, refused.length, 'each is told by an event');
  for (const reply of refused) checkError(reply, 'RATE_LIMIT_EXCEEDED');
  // Later the stream goes on.
  let reply;
  do {
    await new Promise((resolve) => setTimeout(resolve, 2000 / PER_SECOND));
    reply = await worker.call('fragment:data', worker.fragment(1, 1, 1));
    if (reply.code) checkError(await worker.next('error'), 'RATE_LIMIT_EXCEEDED');
  } while (reply.code);
  await worker.result(1);
  await worker.finish();
}

export async function aConnectionMustOpenAStreamInTime() {
  const connected = performance.now();
  const worker = await Worker.connect('node-idle');
  checkError(await worker.next('error'), 'STREAM_NOT_FOUND', 'stream:init');
  assert.equal(await worker.next('disconnect'), 'io server disconnect');
  assert.ok(performance.now() - connected >= INIT_TIMEOUT_MS * 0.9);
  const busy = await Worker.connect('node-busy');
  await busy.init();
  await busy.refused('stream:init', INIT, 'INVALID_CONFIG', 'already');
  await new Promise((resolve) => setTimeout(resolve, INIT_TIMEOUT_MS * 1.5));
  await busy.accepted(0, 1, 1);
  await busy.result(0);
  await busy.finish();
}
