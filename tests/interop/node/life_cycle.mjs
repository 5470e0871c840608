// Every event in every state of a stream: initializing, active, paused, ending, closed, detached.
import assert from 'node:assert/strict';
import { INIT, Worker, checkError, eventually, metrics, openGate } from './harness.mjs';

const KNOWN = ['stream:init', 'fragment:data', 'stream:pause', 'stream:resume', 'stream:end'];

const refusedUnknown = (worker) => worker.refused('stream:begin', {}, 'INVALID_CONFIG', 'stream:begin', ...KNOWN);

export async function beforeTheStreamIsOpen() {
  const worker = await Worker.connect('node-early');
  const early = await worker.refused('fragment:data', worker.fragment(0, 1), 'STREAM_NOT_FOUND', 'stream:init');
  assert.equal(early.fragment_id, 'f-0');
  checkError(await worker.call('fragment:data', worker.fragment(0, 1)), 'STREAM_NOT_FOUND');
  await worker.next('error');
  for (const event of ['stream:pause', 'stream:resume', 'stream:end']) {
    await worker.refused(event, undefined, 'STREAM_NOT_FOUND');
  }
  await refusedUnknown(worker);
  await worker.init();
  await worker.accepted(0, 1, 1);
  await worker.result(0);
  await worker.finish();
}

export async function initTwiceInEveryState() {
  const worker = await Worker.connect('node-init-twice');
  await worker.init();
  const again = () => worker.refused('stream:init', INIT, 'INVALID_CONFIG', 'this connection has a stream already');
  await again();
  worker.emit('stream:pause');
  await again();
  worker.emit('stream:end');
  await again();
  await worker.next('stream:complete');
  await again();
  await worker.finish();
}

export async function pausedAndResumed() {
  const worker = await Worker.connect('node-pause');
  await worker.init({ first_sequence_number: 0 });
  worker.emit('stream:resume');
  await worker.accepted(0, 5, 102);
  worker.emit('stream:pause', { reason: 'advertisements' });
  worker.emit('stream:pause');
  const refused = await worker.refused('fragment:data', worker.fragment(1, 1, 1), 'STREAM_PAUSED', 'paused');
  assert.deepEqual([refused.fragment_id, refused.stream_id], ['f-1', worker.id]);
  checkError(await worker.call('fragment:data', worker.fragment(1, 1, 1)), 'STREAM_PAUSED');
  await worker.next('error');
  await worker.accepted(0, 5, 102);
  openGate(102);
  // What was in flight is done and delivered while the stream is paused.
  await worker.result(0);
  await refusedUnknown(worker);
  worker.emit('stream:resume');
  worker.emit('stream:resume');
  await worker.accepted(1, 1, 1);
  await worker.result(1);
  await refusedUnknown(worker);
  assert.equal((await worker.end()).total_fragments, 2);
  await worker.finish();
}

export async function endedWithWorkInFlight() {
  const worker = await Worker.connect('node-end');
  await worker.init({ first_sequence_number: 0 });
  await worker.accepted(0, 5, 101);
  worker.emit('stream:end');
  const notFound = async () => {
    await worker.refused('fragment:data', worker.fragment(1, 1, 1), 'STREAM_NOT_FOUND', 'has been ended');
    await worker.refused('stream:pause', undefined, 'STREAM_NOT_FOUND');
    await worker.refused('stream:resume', undefined, 'STREAM_NOT_FOUND');
    await worker.accepted(0, 5, 101);
    worker.emit('stream:end');
    await refusedUnknown(worker);
  };
  await notFound();
  openGate(101);
  await worker.result(0);
  assert.equal((await worker.next('stream:complete')).total_fragments, 1);
  // Complete, and not yet closed: the same answers, and the duplicate's result is there now.
  await notFound();
  await worker.result(0);
  assert.equal(await worker.next('disconnect'), 'io server disconnect');
  assert.equal(worker.queues.get('stream:complete')?.length ?? 0, 0, 'exactly one stream:complete');
}

export async function endedWhilePaused() {
  const worker = await Worker.connect('node-end-paused');
  await worker.init();
  worker.emit('stream:pause');
  assert.equal((await worker.end()).total_fragments, 0);
  await worker.finish();
}

export async function twoStreamsOnOneConnection() {
  const worker = await Worker.connect('node-two-streams');
  await worker.init();
  const other = worker.fragment(0, 1, 1, { stream_id: 'other' });
  const refused = await worker.refused('fragment:data', other, 'STREAM_NOT_FOUND', 'stream_id');
  assert.equal(refused.fragment_id, 'f-0');
  await worker.accepted(0, 1, 1);
  await worker.result(0);
  await worker.finish();
}

export async function oneStreamOnTwoConnections() {
  const [first, second] = [await Worker.connect('node-shared'), await Worker.connect('node-shared')];
  await first.init();
  await second.refused('stream:init', INIT, 'INVALID_CONFIG', 'stream_id');
  await second.refused('fragment:data', second.fragment(0, 1), 'STREAM_NOT_FOUND');
  await first.accepted(0, 1, 1);
  await first.result(0);
  await second.finish();
  await first.finish();
}

export async function aDetachedStreamIsReplaced() {
  const first = await Worker.connect('node-replaced');
  const { session_id } = await first.init();
  await first.accepted(0, 1, 1);
  await first.result(0);
  await first.breakOff();
  const second = await Worker.connect('node-replaced');
  const ready = await second.init();
  assert.ok(!ready.resumed && ready.session_id !== session_id);
  await second.accepted(0, 1, 2);
  assert.equal((await second.result(0)).transcript, 'words 2');
  assert.equal((await second.end()).total_fragments, 1);
  await second.finish();
  const third = await Worker.connect('node-replaced');
  const resume = { session_id, last_sequence_received: null };
  await third.refused('stream:init', { ...INIT, resume }, 'STREAM_NOT_FOUND');
  await third.finish();
}

// python-socketio closes its socket before it has said goodbye, so this stands here alone.
export async function aFarewellAfterStreamCompleteEndsTheStream() {
  const worker = await Worker.connect('node-farewell');
  const { session_id } = await worker.init({ first_sequence_number: 0 });
  await worker.accepted(0, 1, 1);
  await worker.result(0);
  await worker.end();
  await worker.finish();
  await eventually('the end', async () => !(await metrics()).includes(`stream_id="${worker.id}"`));
  const late = await Worker.connect('node-farewell');
  await late.refused('stream:init', { ...INIT, resume: { session_id } }, 'STREAM_NOT_FOUND');
  await late.finish();
}
