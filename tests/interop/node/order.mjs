// Where a stream starts, gaps that are given up, and numbers that come too late.
import assert from 'node:assert/strict';
import { Worker } from './harness.mjs';

const GAP_MS = Number(process.env.REORDER_GAP_TIMEOUT_MS);

export async function aGapIsGivenUpAndNamed() {
  const worker = await Worker.connect('node-gap');
  await worker.init({ first_sequence_number: 0 });
  worker.send(0, 1, 1);
  await worker.result(0);
  const sent = performance.now();
  worker.send(3, 1, 1);
  assert.deepEqual((await worker.result(3)).skipped, [1, 2]);
  assert.ok(performance.now() - sent >= GAP_MS * 0.95, 'the gap was waited for');
  for (const late of [1, 2]) {
    const fragment = worker.fragment(late, 1);
    const error = await worker.refused('fragment:data', fragment, 'INVALID_FRAGMENT', 'sequence_number');
    assert.equal(error.fragment_id, `f-${late}`);
  }
  worker.send(4, 1, 1);
  assert.equal((await worker.result(4)).skipped, undefined);
  // The end gives up at once what has not come.
  worker.send(6, 1, 1);
  worker.emit('stream:end');
  assert.deepEqual((await worker.result(6)).skipped, [5]);
  assert.equal((await worker.next('stream:complete')).total_fragments, 4);
  await worker.finish();
}

export async function streamsStartWhereTheySay() {
  for (const first of [0, 1, 7]) {
    const worker = await Worker.connect(`node-first-${first}`);
    await worker.init({ first_sequence_number: first });
    worker.send(first + 1, 1, 1);
    worker.send(first, 1, 30);
    await worker.result(first);
    assert.equal((await worker.result(first + 1)).skipped, undefined);
    if (first > 0) {
      const before = worker.fragment(first - 1, 1);
      await worker.refused('fragment:data', before, 'INVALID_FRAGMENT', 'sequence_number');
    }
    await worker.finish();
  }
}

export async function withoutAWordTheyStartAtZeroOrOne() {
  for (const first of [0, 1]) {
    const worker = await Worker.connect(`node-start-${first}`);
    await worker.init();
    worker.send(first, 1, 1);
    await worker.result(first);
    await worker.finish();
  }
}

export async function aNumberFarAheadIsRefused() {
  const worker = await Worker.connect('node-far');
  await worker.init({ first_sequence_number: 0 });
  await worker.refused('fragment:data', worker.fragment(5000, 1), 'INVALID_FRAGMENT', 'sequence_number');
  await worker.finish();
}
