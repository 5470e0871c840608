// A worker whose connection breaks comes back and gets what it has not received: once, in order.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { INIT, RATE, Worker, fileAppears, openGate, samples, transport, url } from './harness.mjs';

const comeBack = async (name, session_id, last_sequence_received) => {
  const worker = await Worker.connect(name);
  const ready = await worker.init({ resume: { session_id, last_sequence_received } });
  assert.deepEqual([ready.resumed, ready.session_id, ready.stream_id], [true, session_id, worker.id]);
  return [worker, ready];
};

const notFound = async (name, resume) => {
  const worker = await Worker.connect(name);
  const error = await worker.refused('stream:init', { ...INIT, resume }, 'STREAM_NOT_FOUND');
  await worker.finish();
  return error.message;
};

export async function inMidFragment() {
  const first = await Worker.connect('node-resume');
  const { session_id } = await first.init({ first_sequence_number: 0 });
  await first.accepted(0, 1, 1);
  await first.result(0);
  await first.accepted(1, 5, 301);
  await first.accepted(2, 1, 1);
  await first.breakOff();
  const [second, ready] = await comeBack('node-resume', session_id, 0);
  assert.equal(ready.next_sequence_number, 3);
  openGate(301);
  await second.result(1);
  await second.result(2);
  await second.accepted(3, 1, 1);
  await second.result(3);
  assert.equal((await second.end()).total_fragments, 4);
  await second.finish();
}

export async function withResultsThatCameMeanwhile() {
  const first = await Worker.connect('node-meanwhile');
  const { session_id } = await first.init({ first_sequence_number: 0, audio_encoding: 'binary' });
  for (const number of [0, 1, 2]) await first.accepted(number, 5, 305);
  await first.breakOff();
  openGate(305);
  const [second] = await comeBack('node-meanwhile', session_id, null);
  for (const number of [0, 1, 2]) assert.ok(Buffer.isBuffer((await second.result(number)).dubbed_audio));
  await second.finish();
}

/** The first process is killed with a fragment in work; another goes on by the session that it had written down. */
export async function fromANewProcess() {
  const file = join(mkdtempSync(join(tmpdir(), 'sts-')), 'session');
  const script = new URL('killed_worker.mjs', import.meta.url).pathname;
  const child = spawn(process.execPath, [script, url, transport, file], { stdio: ['ignore', 'inherit', 'inherit'] });
  await fileAppears(file);
  const exit = new Promise((resolve) => child.on('exit', (code, signal) => resolve(signal)));
  child.kill('SIGKILL');
  assert.equal(await exit, 'SIGKILL');
  const { session_id, last_sequence_received } = JSON.parse(readFileSync(file, 'utf8'));
  const [worker, ready] = await comeBack('node-killed', session_id, last_sequence_received);
  assert.equal(ready.next_sequence_number, 3);
  openGate(302);
  await worker.result(1);
  await worker.result(2);
  assert.equal((await worker.end()).total_fragments, 3);
  await worker.finish();
}

export async function whileEnding() {
  const first = await Worker.connect('node-resume-ending');
  const { session_id } = await first.init({ first_sequence_number: 0 });
  await first.accepted(0, 5, 303);
  first.emit('stream:end');
  await first.refused('stream:pause', undefined, 'STREAM_NOT_FOUND');
  await first.breakOff();
  openGate(303);
  const [second] = await comeBack('node-resume-ending', session_id, null);
  await second.result(0);
  assert.equal((await second.next('stream:complete')).total_fragments, 1);
  await second.refused('fragment:data', second.fragment(1, 1), 'STREAM_NOT_FOUND', 'has been ended');
  assert.equal(await second.next('disconnect'), 'io server disconnect');
}

export async function afterStreamComplete() {
  const first = await Worker.connect('node-resume-complete');
  const { session_id } = await first.init({ first_sequence_number: 0 });
  await first.accepted(0, 1, 1);
  await first.result(0);
  const complete = await first.end();
  await first.breakOff();
  const [second] = await comeBack('node-resume-complete', session_id, null);
  await second.result(0);
  assert.deepEqual(await second.next('stream:complete'), complete);
  assert.equal(await second.next('disconnect'), 'io server disconnect');
}

export async function theEarlierConnectionIsClosed() {
  const first = await Worker.connect('node-takeover');
  const { session_id } = await first.init({ first_sequence_number: 0 });
  await first.accepted(0, 5, 304);
  const [second, ready] = await comeBack('node-takeover', session_id, null);
  assert.equal(ready.next_sequence_number, 1);
  assert.equal(await first.next('disconnect'), 'io server disconnect');
  openGate(304);
  await second.result(0);
  await second.finish();
}

/** More than the buffer holds. */
const SENT = 150;

export async function whatFellOutOfTheBufferIsNamed() {
  const first = await Worker.connect('node-overflow');
  const { session_id } = await first.init({ first_sequence_number: 0 });
  const short = { audio: samples(0, 0, RATE / 10).toString('base64'), duration_ms: 100 };
  for (let number = 0; number < SENT; number += 1) {
    first.send(number, 0, 0, short);
    await first.result(number);
  }
  await first.breakOff();
  const [second] = await comeBack('node-overflow', session_id, 1);
  const oldest = await second.next('fragment:processed');
  assert.ok(oldest.sequence_number > 2, 'the buffer is bounded');
  const lost = Array.from({ length: oldest.sequence_number - 2 }, (_, index) => index + 2);
  assert.deepEqual(oldest.skipped, lost);
  for (let number = oldest.sequence_number + 1; number < SENT; number += 1) {
    assert.equal((await second.result(number)).skipped, undefined);
  }
  await second.finish();
}

export async function whatDoesNotFitIsNotFound() {
  const first = await Worker.connect('node-strict');
  const { session_id } = await first.init();
  await first.refused('stream:init', { ...INIT, resume: { session_id } }, 'INVALID_CONFIG', 'already');
  await first.breakOff();
  const messages = new Set([
    await notFound('node-strict', { session_id: 'guessed' }),
    await notFound('node-nobody', { session_id: 'guessed' }),
    await notFound('node-nobody', { session_id }),
  ]);
  assert.equal(messages.size, 1, 'a stranger learns nothing from the message');
  const [second] = await comeBack('node-strict', session_id, null);
  await second.finish();
}
