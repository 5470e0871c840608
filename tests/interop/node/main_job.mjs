// The main job: fragments in, dubs out, in order, once each; then the stream's statistics and its end.
import assert from 'node:assert/strict';
import { INIT, RATE, Worker, openGate, samples } from './harness.mjs';

export async function everyFieldOfTheMainJob() {
  const worker = await Worker.connect('node-main');
  const ready = await worker.init();
  assert.equal(ready.stream_id, worker.id);
  assert.equal(ready.worker_id, 'node');
  assert.equal(ready.max_inflight, 3);
  assert.equal(typeof ready.session_id, 'string');
  for (const skill of ['asr', 'translation', 'tts', 'duration_matching']) assert.ok(ready.capabilities.includes(skill));
  assert.deepEqual(ready.engines, { asr: 'fake-recognizer', translation: 'fake-translator', tts: 'fake-synthesizer' });
  assert.ok(ready.formats.includes('pcm_s16le'));
  assert.ok(!ready.resumed && ready.next_sequence_number === undefined);

  const before = Date.now();
  const ack = await worker.accepted(0, 1, 10);
  assert.equal(ack.fragment_id, 'f-0');
  assert.ok(Math.abs(ack.timestamp - before) < 10000, 'milliseconds since 1970');
  const dubbed = await worker.result(0);
  assert.deepEqual([dubbed.fragment_id, dubbed.stream_id], ['f-0', worker.id]);
  assert.deepEqual([dubbed.transcript, dubbed.translated_text], ['words 10', 'WORDS 10']);
  assert.equal(Buffer.from(dubbed.dubbed_audio, 'base64').length, RATE * 2);
  assert.deepEqual(dubbed.metadata,
    { original_duration_ms: 1000, dubbed_duration_ms: 1000, duration_variance_percent: 0, speed_ratio: 1 });
  const { asr_ms, translation_ms, tts_ms } = dubbed.stage_timings;
  assert.ok(asr_ms >= 10 && translation_ms >= 0 && tts_ms >= 0, JSON.stringify(dubbed.stage_timings));
  assert.ok(dubbed.processing_time_ms >= asr_ms + translation_ms + tts_ms);
  assert.equal(dubbed.error, undefined);
  assert.equal(dubbed.skipped, undefined);
  assert.ok(JSON.stringify(dubbed.assets).includes('parent_asset_ids'));
  await worker.finish();
}

export async function threeOneTwoLeavesAsOneTwoThree() {
  const worker = await Worker.connect('node-order');
  await worker.init();
  for (const [number, delay] of [[1, 1], [4, 1], [2, 60], [3, 1]]) worker.send(number, 1, delay);
  for (const number of [1, 2, 3, 4]) await worker.result(number);
  await worker.finish();
}

export async function nobodySpeaks() {
  const worker = await Worker.connect('node-silence');
  await worker.init();
  worker.send(0, 0);
  const { transcript, translated_text, dubbed_audio } = await worker.result(0);
  assert.deepEqual([transcript, translated_text], ['', '']);
  assert.ok(Buffer.from(dubbed_audio, 'base64').equals(Buffer.alloc(RATE * 2)));
  await worker.finish();
}

export async function duplicatesAreAcknowledgedAndProcessedOnce() {
  const worker = await Worker.connect('node-twice');
  await worker.init({ first_sequence_number: 0 });
  await worker.accepted(0, 5, 111);
  // In flight: the same again, the same id under another number, the same number under another id.
  assert.equal((await worker.accepted(0, 5, 111)).fragment_id, 'f-0');
  await worker.accepted(1, 1, 1, { fragment_id: 'f-0' });
  await worker.accepted(0, 1, 1, { fragment_id: 'another' });
  openGate(111);
  const first = await worker.result(0);
  await worker.accepted(1, 1, 1);
  await worker.result(1);
  // Answered: the result comes again, and is the same.
  await worker.accepted(0, 5, 111);
  assert.deepEqual(await worker.result(0), first);
  await worker.accepted(0, 1, 1, { fragment_id: 'another' });
  assert.deepEqual(await worker.result(0), first);
  await worker.accepted(9, 1, 1, { fragment_id: 'f-0' });
  assert.deepEqual(await worker.result(0), first);
  assert.equal((await worker.end()).total_fragments, 2);
  await worker.finish();
}

export async function statisticsAndTheCloseFiveSecondsLater() {
  const worker = await Worker.connect('node-statistics');
  await worker.init({ first_sequence_number: 0 });
  let processing = 0;
  for (const [number, instruction] of [[0, 1], [1, 0], [2, 3], [3, 1], [4, 25]]) {
    worker.send(number, instruction, 5);
    processing += (await worker.result(number, [2, 4].includes(number) ? 'failed' : 'success')).processing_time_ms;
  }
  const { avg_processing_time_ms, ...counts } = await worker.end();
  assert.deepEqual(counts, { total_fragments: 5, success_count: 3, partial_count: 0, failed_count: 2,
    error_breakdown: { asr: { INTERNAL: 1 }, translation: { RATE_LIMIT_EXCEEDED: 1 } } });
  assert.ok(Math.abs(avg_processing_time_ms - processing / 5) < 0.01, 'the mean of what was reported');
  const completed = performance.now();
  assert.equal(await worker.next('disconnect'), 'io server disconnect');
  const seconds = (performance.now() - completed) / 1000;
  assert.ok(seconds > 4.5 && seconds < 8, `closed after ${seconds} s`);
}

export async function anEmptyStreamIsCompleted() {
  const worker = await Worker.connect('node-empty');
  await worker.init();
  assert.deepEqual(await worker.end(),
    { total_fragments: 0, success_count: 0, partial_count: 0, failed_count: 0, avg_processing_time_ms: 0 });
  await worker.finish();
}

export async function binaryAudioBothWays() {
  const worker = await Worker.connect('node-binary');
  await worker.init({ audio_encoding: 'binary' });
  await worker.accepted(0, 1, 2, { audio: samples(1, 2) });
  const dubbed = await worker.result(0);
  assert.equal(dubbed.transcript, 'words 2');
  assert.ok(Buffer.isBuffer(dubbed.dubbed_audio) && dubbed.dubbed_audio.length === RATE * 2);
  // The other encoding is taken as well: what is announced is how dubs travel.
  await worker.accepted(1, 0);
  assert.ok(Buffer.isBuffer((await worker.result(1)).dubbed_audio));
  await worker.finish();
}

export async function stereoAndOtherRates() {
  const worker = await Worker.connect('node-stereo');
  await worker.init({ channels: 2, sample_rate_hz: 48000, domain_hints: ['Gutenberg'] });
  const audio = samples(1, 3, 48000 * 2).toString('base64');
  worker.send(0, 1, 3, { audio, channels: 2, sample_rate: 48000 });
  const { transcript, dubbed_audio } = await worker.result(0);
  assert.equal(transcript, 'words 3');
  assert.equal(Buffer.from(dubbed_audio, 'base64').length, 48000 * 4);
  await worker.finish();
}

// Browsers cannot set headers: there the ids come in the auth payload.
export async function idsByAuthOrGenerated() {
  const named = await Worker.connect('node-auth', { extraHeaders: {}, auth: { stream_id: 'by-auth', worker_id: 'w' } });
  const ready = await named.init();
  assert.deepEqual([ready.stream_id, ready.worker_id], ['by-auth', 'w']);
  await named.finish();
  const nameless = await Worker.connect('node-nameless', { extraHeaders: {} });
  const { stream_id, worker_id } = await nameless.init();
  assert.ok(stream_id.length > 10 && worker_id.length > 10);
  nameless.emit('fragment:data', { ...nameless.fragment(0, 1, 1), stream_id });
  await nameless.result(0);
  await nameless.finish();
}

export async function unknownFieldsAreIgnored() {
  const worker = await Worker.connect('node-unknown');
  worker.emit('stream:init', { ...INIT, later: { deep: [1] } });
  await worker.next('stream:ready');
  await worker.accepted(0, 1, 1, { later: true });
  await worker.result(0);
  await worker.finish();
}
