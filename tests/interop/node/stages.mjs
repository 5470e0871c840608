// A stage that fails costs its fragment, and says what it was: every code that a stage can give.
import assert from 'node:assert/strict';
import { Worker } from './harness.mjs';

const LATE = 600;
const STAGES = ['asr', 'translation', 'tts'];
/** By the last digit of the instruction: see tests/fakes/instruction.rs. */
const FAILURES = [[0, 'TIMEOUT', true], [1, 'STAGE_UNAVAILABLE', true], [2, 'STAGE_UNAVAILABLE', true],
  [3, 'INTERNAL', false], [4, 'GPU_OUT_OF_MEMORY', true]];

export const inTurn = true;

async function fail(worker, number, stage, digit, parameter, code, retryable) {
  const place = STAGES.indexOf(stage);
  worker.send(number, (place + 1) * 10 + digit, parameter);
  const result = await worker.result(number, 'failed');
  const { message, ...error } = result.error;
  assert.deepEqual(error, { stage, code, retryable });
  assert.equal(typeof message, 'string');
  assert.equal(result.dubbed_audio, undefined);
  assert.equal(result.metadata, undefined);
  // As far as it got; later stages were not called.
  assert.equal(result.transcript !== undefined, place > 0);
  assert.equal(result.translated_text !== undefined, place > 1);
  for (const [index, name] of STAGES.entries()) {
    if (index < place) assert.equal(typeof result.stage_timings[`${name}_ms`], 'number');
    if (index > place) assert.equal(result.stage_timings[`${name}_ms`], undefined);
  }
}

export async function everyFailureOfEveryStage() {
  const worker = await Worker.connect('node-failures');
  await worker.init({ first_sequence_number: 0 });
  let number = 0;
  for (const stage of STAGES) {
    for (const [digit, code, retryable] of FAILURES) {
      await fail(worker, number, stage, digit, LATE, code, retryable);
      number += 1;
    }
  }
  await fail(worker, number, 'translation', 5, 0, 'RATE_LIMIT_EXCEEDED', true);
  await fail(worker, number + 1, 'translation', 6, 0, 'QUOTA_EXCEEDED', false);
  await fail(worker, number + 2, 'tts', 8, 30, 'DURATION_MISMATCH_EXCEEDED', false);
  await fail(worker, number + 3, 'tts', 9, 30, 'DURATION_MISMATCH_EXCEEDED', false);
  worker.send(number + 4, 1, 1);
  await worker.result(number + 4);
  const { avg_processing_time_ms, ...complete } = await worker.end();
  const common = { TIMEOUT: 1, STAGE_UNAVAILABLE: 2, INTERNAL: 1, GPU_OUT_OF_MEMORY: 1 };
  assert.deepEqual(complete, {
    total_fragments: 20, success_count: 1, partial_count: 0, failed_count: 19,
    error_breakdown: {
      asr: common,
      translation: { ...common, RATE_LIMIT_EXCEEDED: 1, QUOTA_EXCEEDED: 1 },
      tts: { ...common, DURATION_MISMATCH_EXCEEDED: 2 },
    },
  });
  assert.ok(avg_processing_time_ms > 0);
  await worker.finish();
}

export async function successPartialAndFailedByLength() {
  const worker = await Worker.connect('node-lengths');
  await worker.init({ first_sequence_number: 0 });
  const lengths = [[10, 'success'], [-10, 'success'], [11, 'partial'], [-20, 'partial'], [20, 'partial'],
    [21, 'failed']];
  for (const [number, [percent, status]] of lengths.entries()) {
    worker.send(number, 38, percent);
    const { metadata } = await worker.result(number, status);
    if (status !== 'failed') {
      assert.equal(metadata.original_duration_ms, 1000);
      assert.ok(Math.abs(metadata.dubbed_duration_ms - 1000 - percent * 10) < 0.1, JSON.stringify(metadata));
      assert.ok(Math.abs(metadata.duration_variance_percent - percent) < 0.01, JSON.stringify(metadata));
    }
  }
  worker.send(6, 39, 15);
  assert.equal((await worker.result(6, 'partial')).metadata.duration_variance_percent, 15);
  const { success_count, partial_count, failed_count } = await worker.end();
  assert.deepEqual([success_count, partial_count, failed_count], [2, 4, 1]);
  await worker.finish();
}

export async function aWorkerThatPanicsOnceIsReplaced() {
  const worker = await Worker.connect('node-once');
  await worker.init({ first_sequence_number: 0 });
  worker.send(0, 4, 501);
  assert.equal((await worker.result(0)).transcript, 'words 501');
  await worker.finish();
}
