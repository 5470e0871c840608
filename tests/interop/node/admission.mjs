// The service's own bounds: streams, and fragments that wait for the recogniser.
import assert from 'node:assert/strict';
import { INIT, Worker, checkError, eventually, metrics, openGate } from './harness.mjs';

const MAX_STREAMS = Number(process.env.MAX_STREAMS);
const QUEUE = Number(process.env.QUEUE_CAPACITY);

export const inTurn = true;

export async function theQueueIsFull() {
  const [busy, other] = [await Worker.connect('node-busy'), await Worker.connect('node-other')];
  await busy.init({ first_sequence_number: 0 });
  await other.init({ first_sequence_number: 0 });
  // One is in work, so many wait; the next is refused, whoever sends it, and what waits is not touched.
  await busy.accepted(0, 5, 401);
  await eventually('work', async () => (await metrics()).includes('sts_stage_queue_depth{stage="asr"} 0'));
  let number = 1;
  for (let reply; ; number += 1) {
    reply = await busy.call('fragment:data', busy.fragment(number, 1, 1));
    if (reply.code) {
      checkError(reply, 'SERVICE_OVERLOADED');
      checkError(await busy.next('error'), 'SERVICE_OVERLOADED');
      break;
    }
  }
  assert.equal(number, QUEUE + 1, `${number} were taken`);
  const refused = await other.refused('fragment:data', other.fragment(0, 1, 1), 'SERVICE_OVERLOADED');
  assert.equal(refused.fragment_id, 'f-0');
  openGate(401);
  for (let done = 0; done < number; done += 1) await busy.result(done);
  await other.accepted(0, 1, 1);
  await other.result(0);
  for (const worker of [busy, other]) {
    await worker.end();
    assert.equal(await worker.next('disconnect'), 'io server disconnect');
  }
}

export async function oneStreamTooMany() {
  const workers = [];
  for (let index = 0; index < MAX_STREAMS; index += 1) {
    workers.push(await Worker.connect(`node-stream-${index}`));
    await workers[index].init();
  }
  const late = await Worker.connect('node-stream-late');
  await late.refused('stream:init', INIT, 'SERVICE_OVERLOADED');
  await workers[0].accepted(0, 1, 1);
  await workers[0].result(0);
  await workers[0].end();
  await workers[0].next('disconnect');
  await late.admitted();
  await late.finish();
  for (const worker of workers.slice(1)) await worker.finish();
}
