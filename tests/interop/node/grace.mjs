// After the grace nothing of the stream is left.
import assert from 'node:assert/strict';
import { INIT, Worker, eventually, metrics } from './harness.mjs';

export async function nothingIsLeftAfterTheGrace() {
  const worker = await Worker.connect('node-grace');
  const { session_id } = await worker.init({ first_sequence_number: 0 });
  await worker.accepted(0, 1, 1);
  await worker.result(0);
  const series = `stream_id="${worker.id}"`;
  await eventually('the series of an open stream', async () => (await metrics()).includes(series));
  await worker.accepted(1, 1, 50);
  worker.socket.disconnect();
  // A polling client may lose its farewell with its connection: then the service waits for the answer to its ping.
  await eventually('the series to go', async () => !(await metrics()).includes(series), 60000);
  const late = await Worker.connect('node-grace');
  await late.refused('stream:init', { ...INIT, resume: { session_id, last_sequence_received: 0 } }, 'STREAM_NOT_FOUND');
  // Its name is free again.
  assert.notEqual((await late.init()).session_id, session_id);
  await late.finish();
}
