// The main job and its refusals, through the official JavaScript client.
// usage: node worker.mjs URL TRANSPORT     TRANSPORT: websocket, polling, or upgrade
import assert from 'node:assert/strict';
import { io } from 'socket.io-client';

const [url, transport] = process.argv.slice(2);
const transports = transport === 'upgrade' ? ['polling', 'websocket'] : [transport];
const RATE = 16000;
/** Streams of one run do not meet those of another that the service still keeps for a resume. */
const id = (name) => `${name}-${transport}`;

/** A fragment of one second whose first two samples tell the fake recogniser what to do. */
function fragment(streamId, number, instruction, parameter = 0, changes = {}) {
  const samples = new Int16Array(RATE);
  samples[0] = instruction;
  samples[1] = parameter;
  return {
    fragment_id: `f-${number}`, stream_id: streamId, sequence_number: number, timestamp: number * 1000,
    audio: Buffer.from(samples.buffer).toString('base64'), sample_rate: RATE, channels: 1, format: 'pcm_s16le',
    duration_ms: 1000, ...changes,
  };
}

const INIT = {
  source_language: 'en', target_language: 'es', voice_profile: 'spanish_male_1', chunk_duration_ms: 1000,
  sample_rate_hz: RATE, channels: 1, format: 'pcm_s16le',
};

/** A connection whose events can be waited for one by one. */
async function connect(streamId, options = {}) {
  const socket = io(url, {
    transports, reconnection: false, forceNew: true,
    extraHeaders: { 'X-Stream-ID': streamId, 'X-Worker-ID': 'node' }, ...options,
  });
  const queues = new Map();
  const waiting = new Map();
  socket.onAny((event, data) => {
    const waiter = waiting.get(event)?.shift();
    if (waiter) waiter(data);
    else queues.set(event, [...(queues.get(event) ?? []), data]);
  });
  const next = (event) => {
    const ready = queues.get(event)?.shift();
    if (ready) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${event} came`)), 10000);
      waiting.set(event, [...(waiting.get(event) ?? []), (data) => { clearTimeout(timer); resolve(data); }]);
    });
  };
  await new Promise((resolve, reject) => { socket.on('connect', resolve); socket.on('connect_error', reject); });
  return { socket, next };
}

async function mainJob() {
  const { socket, next } = await connect(id('node-main'));
  socket.emit('stream:init', INIT);
  const ready = await next('stream:ready');
  assert.equal(ready.stream_id, id('node-main'));
  assert.equal(ready.worker_id, 'node');
  assert.equal(ready.max_inflight, 3);
  assert.deepEqual(ready.capabilities, ['asr', 'translation', 'tts', 'duration_matching']);
  assert.ok(ready.session_id && ready.engines.asr && ready.formats.includes('pcm_s16le'));

  const ack = await socket.emitWithAck('fragment:data', fragment(id('node-main'), 0, 1, 20));
  assert.equal(ack.fragment_id, 'f-0');
  assert.equal(ack.status, 'queued');
  assert.ok(Math.abs(ack.timestamp - Date.now()) < 5000);
  assert.deepEqual(await next('fragment:ack'), ack);
  const dubbed = await next('fragment:processed');
  assert.equal(dubbed.status, 'success');
  assert.equal(dubbed.transcript, 'words 20');
  assert.equal(dubbed.translated_text, 'WORDS 20');
  assert.equal(Buffer.from(dubbed.dubbed_audio, 'base64').length, RATE * 2);
  assert.equal(dubbed.metadata.dubbed_duration_ms, 1000);
  const { asr_ms, translation_ms, tts_ms } = dubbed.stage_timings;
  assert.ok(asr_ms >= 20 && dubbed.processing_time_ms >= asr_ms + translation_ms + tts_ms);
  assert.deepEqual(dubbed.assets.translation.parent_asset_ids, ['f-0/transcript']);

  // 3, 1, 2 come out as 1, 2, 3; the first is also the slowest.
  for (const [number, delay] of [[3, 5], [1, 60], [2, 5]]) {
    socket.emit('fragment:data', fragment(id('node-main'), number, 1, delay));
  }
  const order = [];
  for (let i = 0; i < 3; i += 1) order.push((await next('fragment:processed')).sequence_number);
  assert.deepEqual(order, [1, 2, 3]);

  // Silence is a success without words.
  socket.emit('fragment:data', fragment(id('node-main'), 4, 0));
  const silence = await next('fragment:processed');
  assert.equal(silence.status, 'success');
  assert.equal(silence.transcript, '');
  assert.ok(Buffer.from(silence.dubbed_audio, 'base64').every((byte) => byte === 0));

  // Sent twice: acknowledged twice, done once, delivered again.
  socket.emit('fragment:data', fragment(id('node-main'), 4, 0));
  assert.equal((await next('fragment:processed')).fragment_id, 'f-4');

  // A worker that panics costs nothing but time; a fragment that always kills its worker is refused.
  socket.emit('fragment:data', fragment(id('node-main'), 5, 4, 77));
  const survived = await next('fragment:processed');
  assert.equal(survived.transcript, 'words 77');
  socket.emit('fragment:data', fragment(id('node-main'), 6, 2));
  const poison = await next('fragment:processed');
  assert.equal(poison.status, 'failed');
  assert.equal(poison.error.stage, 'asr');
  assert.equal(poison.error.code, 'STAGE_UNAVAILABLE');
  assert.equal(poison.error.retryable, true);
  socket.emit('fragment:data', fragment(id('node-main'), 7, 3));
  assert.equal((await next('fragment:processed')).error.code, 'INTERNAL');

  socket.emit('stream:end');
  const complete = await next('stream:complete');
  assert.equal(complete.total_fragments, 8);
  assert.equal(complete.success_count, 6);
  assert.equal(complete.failed_count, 2);
  assert.deepEqual(complete.error_breakdown, { asr: { STAGE_UNAVAILABLE: 1, INTERNAL: 1 } });
  const closing = performance.now();
  const reason = await new Promise((resolve) => socket.on('disconnect', resolve));
  assert.equal(reason, 'io server disconnect');
  const seconds = (performance.now() - closing) / 1000;
  assert.ok(seconds > 4 && seconds < 7, `closed after ${seconds} s`);
}

async function binaryAudio() {
  const { socket, next } = await connect(id('node-binary'));
  socket.emit('stream:init', { ...INIT, audio_encoding: 'binary' });
  await next('stream:ready');
  const sent = fragment(id('node-binary'), 0, 1, 1);
  sent.audio = Buffer.from(sent.audio, 'base64');
  socket.emit('fragment:data', sent);
  const dubbed = await next('fragment:processed');
  assert.equal(dubbed.transcript, 'words 1');
  assert.ok(Buffer.isBuffer(dubbed.dubbed_audio) && dubbed.dubbed_audio.length === RATE * 2);
  socket.disconnect();
}

async function refusals() {
  const { socket, next } = await connect(id('node-refusals'));
  const refused = async (event, data, code, field) => {
    socket.emit(event, ...(data === undefined ? [] : [data]));
    const error = await next('error');
    assert.equal(error.code, code, JSON.stringify(error));
    assert.ok(error.message.includes(field), `${error.message} does not name ${field}`);
    return error;
  };
  await refused('fragment:data', fragment(id('node-refusals'), 0, 0), 'STREAM_NOT_FOUND', 'stream:init');
  await refused('stream:init', undefined, 'INVALID_CONFIG', '');
  await refused('stream:init', { ...INIT, channels: 7 }, 'INVALID_CONFIG', 'channels');
  await refused('stream:init', { ...INIT, format: 'mp3' }, 'INVALID_CONFIG', 'format');
  await refused('stream:init', { ...INIT, voice_profile: 'nobody' }, 'INVALID_VOICE_PROFILE', 'spanish_male_1');
  await refused('stream:init', { ...INIT, source_language: 'de' }, 'UNSUPPORTED_LANGUAGE', 'source_language');
  await refused('stream:init', { ...INIT, target_language: 'fr' }, 'UNSUPPORTED_LANGUAGE', 'target_language');
  socket.emit('stream:init', INIT);
  await next('stream:ready');
  await refused('stream:init', INIT, 'INVALID_CONFIG', 'already');
  const bad = (changes) => fragment(id('node-refusals'), 0, 0, 0, changes);
  const missing = fragment(id('node-refusals'), 0, 0);
  delete missing.sample_rate;
  await refused('fragment:data', missing, 'INVALID_FRAGMENT', 'sample_rate');
  await refused('fragment:data', bad({ audio: '!' }), 'INVALID_FRAGMENT', 'audio');
  await refused('fragment:data', bad({ duration_ms: 5000 }), 'INVALID_FRAGMENT', 'duration_ms');
  await refused('fragment:data', bad({ sample_rate: 8000, duration_ms: 2000 }), 'INVALID_FRAGMENT', 'sample_rate');
  await refused('fragment:data', bad({ sequence_number: 'one' }), 'INVALID_FRAGMENT', 'sequence_number');
  const other = await refused('fragment:data', bad({ stream_id: 'other' }), 'STREAM_NOT_FOUND', 'stream_id');
  assert.equal(other.fragment_id, 'f-0');
  const late = await socket.emitWithAck('fragment:data', bad({ channels: 2 }));
  assert.equal(late.code, 'INVALID_FRAGMENT', 'a callback hears the refusal too');
  await next('error');
  // The stream has not noticed any of it.
  socket.emit('fragment:data', fragment(id('node-refusals'), 0, 1, 1));
  assert.equal((await next('fragment:processed')).status, 'success');
  socket.emit('stream:pause');
  await refused('fragment:data', fragment(id('node-refusals'), 1, 1, 1), 'STREAM_PAUSED', 'paused');
  socket.emit('stream:resume');
  socket.emit('fragment:data', fragment(id('node-refusals'), 1, 1, 1));
  assert.equal((await next('fragment:processed')).sequence_number, 1);
  socket.disconnect();
}

async function backpressure() {
  const { socket, next } = await connect(id('node-pressure'));
  socket.emit('stream:init', { ...INIT, first_sequence_number: 0 });
  await next('stream:ready');
  for (let number = 0; number < 11; number += 1) {
    socket.emit('fragment:data', fragment(id('node-pressure'), number, 1, 40));
  }
  const refused = await next('error');
  assert.equal(refused.code, 'BACKPRESSURE_EXCEEDED');
  assert.equal(refused.retryable, true);
  const levels = [];
  for (let i = 0; i < 4; i += 1) {
    const { severity, action } = await next('backpressure');
    levels.push(`${severity}/${action}`);
  }
  assert.deepEqual(levels, ['medium/slow_down', 'high/pause', 'medium/slow_down', 'low/none']);
  socket.disconnect();
}

async function resume() {
  const first = await connect(id('node-resume'));
  first.socket.emit('stream:init', { ...INIT, first_sequence_number: 0 });
  const { session_id } = await first.next('stream:ready');
  first.socket.emit('fragment:data', fragment(id('node-resume'), 0, 1, 1));
  assert.equal((await first.next('fragment:processed')).sequence_number, 0);
  await first.socket.emitWithAck('fragment:data', fragment(id('node-resume'), 1, 1, 150));
  await first.socket.emitWithAck('fragment:data', fragment(id('node-resume'), 2, 1, 1));
  first.socket.disconnect();

  const thief = await connect(id('node-resume'));
  thief.socket.emit('stream:init', { ...INIT, resume: { session_id: 'guessed', last_sequence_received: 0 } });
  assert.equal((await thief.next('error')).code, 'STREAM_NOT_FOUND');
  thief.socket.disconnect();

  const second = await connect(id('node-resume'));
  second.socket.emit('stream:init', { ...INIT, resume: { session_id, last_sequence_received: 0 } });
  const ready = await second.next('stream:ready');
  assert.equal(ready.resumed, true);
  assert.equal(ready.next_sequence_number, 3);
  assert.equal((await second.next('fragment:processed')).sequence_number, 1);
  assert.equal((await second.next('fragment:processed')).sequence_number, 2);
  second.socket.disconnect();
}

// Browsers cannot set headers: there the ids come in the auth payload. Node's polling can.
async function idsByAuth() {
  const { socket, next } = await connect('ignored', { extraHeaders: {}, auth: { stream_id: id('by-auth'), worker_id: 'w' } });
  socket.emit('stream:init', INIT);
  const ready = await next('stream:ready');
  assert.deepEqual([ready.stream_id, ready.worker_id], [id('by-auth'), 'w']);
  socket.disconnect();
}

for (const scenario of [mainJob, binaryAudio, refusals, backpressure, resume, idsByAuth]) {
  await scenario();
  console.log(`ok ${scenario.name}`);
}
process.exit(0);
