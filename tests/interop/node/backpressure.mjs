// Levels of load, upwards and downwards, and the refusal above the critical threshold.
import assert from 'node:assert/strict';
import { Worker, checkError, openGate } from './harness.mjs';

export async function everyLevelUpAndDown() {
  const worker = await Worker.connect('node-pressure');
  await worker.init({ first_sequence_number: 0 });
  const level = (severity, action, current_inflight, threshold_exceeded) =>
    ({ stream_id: worker.id, severity, action, current_inflight, max_inflight: 3, threshold_exceeded });
  await worker.accepted(0, 5, 201);
  for (let number = 1; number < 10; number += 1) await worker.accepted(number, 1, 1);
  assert.deepEqual(await worker.next('backpressure'), level('medium', 'slow_down', 4, 3));
  assert.deepEqual(await worker.next('backpressure'), level('high', 'pause', 7, 6));
  const refused = await worker.refused('fragment:data', worker.fragment(10, 1), 'BACKPRESSURE_EXCEEDED');
  assert.deepEqual([refused.fragment_id, refused.stream_id], ['f-10', worker.id]);
  checkError(await worker.call('fragment:data', worker.fragment(10, 1)), 'BACKPRESSURE_EXCEEDED');
  await worker.next('error');
  // One that is in flight is known, and not refused.
  await worker.accepted(9, 1, 1);
  openGate(201);
  for (let number = 0; number < 10; number += 1) await worker.result(number);
  assert.deepEqual(await worker.next('backpressure'), level('medium', 'slow_down', 6, 3));
  assert.deepEqual(await worker.next('backpressure'), level('low', 'none', 3, 0));
  await worker.accepted(10, 1, 1);
  await worker.result(10);
  assert.equal((await worker.end()).total_fragments, 11);
  assert.deepEqual(worker.queues.get('backpressure'), []);
  await worker.finish();
}
