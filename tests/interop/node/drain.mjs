// SIGTERM: nothing new is taken, what was accepted is delivered, every stream is completed. A worker that is away
// may still come back.
import assert from 'node:assert/strict';
import { INIT, Worker, checkError, eventually, openGate } from './harness.mjs';

export async function theServiceDrains() {
  const [worker, away] = [await Worker.connect('node-drain'), await Worker.connect('node-drain-away')];
  await worker.init({ first_sequence_number: 0 });
  const { session_id } = await away.init({ first_sequence_number: 0 });
  await away.accepted(0, 5, 602);
  await away.breakOff();
  await worker.accepted(0, 5, 601);
  worker.emit('stream:pause');
  await worker.refused('fragment:data', worker.fragment(1, 1), 'STREAM_PAUSED');
  process.kill(Number(process.env.SERVICE_PID), 'SIGTERM');
  // A paused stream takes nothing either way: when the reason changes, the signal has arrived.
  const reply = await eventually('the drain', async () => {
    const refused = await worker.call('fragment:data', worker.fragment(1, 1));
    if (refused.code !== 'STREAM_PAUSED') return refused;
    checkError(await worker.next('error'), 'STREAM_PAUSED');
    return null;
  });
  checkError(reply, 'SERVICE_OVERLOADED', 'draining');
  checkError(await worker.next('error'), 'SERVICE_OVERLOADED', 'draining');
  await worker.refused('fragment:data', worker.fragment(1, 1), 'SERVICE_OVERLOADED', 'draining');
  const late = await Worker.connect('node-drain-late');
  await late.refused('stream:init', INIT, 'SERVICE_OVERLOADED', 'draining');
  const back = await Worker.connect('node-drain-away');
  const ready = await back.init({ resume: { session_id, last_sequence_received: null } });
  assert.deepEqual([ready.resumed, ready.next_sequence_number], [true, 1]);
  await back.refused('fragment:data', back.fragment(1, 1), 'SERVICE_OVERLOADED', 'draining');
  openGate(601);
  openGate(602);
  for (const each of [worker, back]) {
    await each.result(0);
    assert.deepEqual(await each.next('stream:complete').then(({ avg_processing_time_ms, ...counts }) => counts),
      { total_fragments: 1, success_count: 1, partial_count: 0, failed_count: 0 });
    assert.ok((await each.next('disconnect')).length > 0);
  }
}
