// A worker whose events can be waited for one by one, on the official JavaScript client.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { io } from 'socket.io-client';

const [url, transport] = process.argv.slice(2);
export { url, transport };
export const RATE = 16000;
const DEADLINE_MS = 20000;

export const INIT = {
  source_language: 'en', target_language: 'es', voice_profile: 'spanish_male_1', chunk_duration_ms: 1000,
  sample_rate_hz: RATE, channels: 1, format: 'pcm_s16le',
};

const RETRYABLE = new Set(['TIMEOUT', 'RATE_LIMIT_EXCEEDED', 'BACKPRESSURE_EXCEEDED', 'SERVICE_OVERLOADED',
  'STAGE_UNAVAILABLE', 'GPU_OUT_OF_MEMORY', 'STREAM_PAUSED']);

/** Samples whose first two tell the fakes what to do: see tests/fakes/instruction.rs. */
export function samples(instruction, parameter = 0, frames = RATE) {
  const pcm = new Int16Array(frames);
  pcm[0] = instruction;
  pcm[1] = parameter;
  return Buffer.from(pcm.buffer);
}

/** A fragment of one second. */
export function fragment(streamId, number, instruction, parameter = 0, changes = {}) {
  return {
    fragment_id: `f-${number}`, stream_id: streamId, sequence_number: number, timestamp: number * 1000,
    audio: samples(instruction, parameter).toString('base64'), sample_rate: RATE, channels: 1, format: 'pcm_s16le',
    duration_ms: 1000, ...changes,
  };
}

/** Opens the gate at which fragments with instruction 5 and this number wait. */
export function openGate(number) {
  writeFileSync(`${process.env.FAKE_GATE}-${number}`, '');
}

/** An error is the contract's: its code, whether it is retryable, and these words in its message. */
export function checkError(error, code, ...words) {
  const shown = JSON.stringify(error);
  assert.equal(error.code, code, shown);
  assert.equal(error.retryable, RETRYABLE.has(code), shown);
  for (const word of words) assert.ok(error.message.includes(word), `${shown} does not say ${word}`);
  return error;
}

/** Asks until the answer is true. */
export async function eventually(what, ask, limit = DEADLINE_MS) {
  for (const deadline = Date.now() + limit; ;) {
    const answer = await ask();
    if (answer) return answer;
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What /metrics says. */
export function metrics() {
  return new Promise((resolve, reject) => {
    get(`${url}/metrics`, { agent: false }, (response) => {
      let text = '';
      response.on('data', (piece) => { text += piece; }).on('end', () => resolve(text));
    }).on('error', reject);
  });
}

export async function fileAppears(path) {
  await eventually(path, () => existsSync(path));
}

function settings(streamId, options) {
  return {
    transports: transport === 'upgrade' ? ['polling', 'websocket'] : [transport], reconnection: false, forceNew: true,
    extraHeaders: { 'X-Stream-ID': streamId, 'X-Worker-ID': 'node' }, ...options,
  };
}

/** The message of the connect_error that a connection gets. */
export function refusedConnection(streamId, options = {}) {
  const socket = io(url, settings(streamId, options));
  return new Promise((resolve, reject) => {
    socket.on('connect_error', (error) => { socket.disconnect(); resolve(error.message); });
    socket.on('connect', () => { socket.disconnect(); reject(new Error('it was let in')); });
  });
}

export class Worker {
  /** Connects as the worker of the stream with this name. */
  static async connect(name, options = {}) {
    const worker = new Worker(name, options);
    await new Promise((resolve, reject) => {
      worker.socket.on('connect', resolve);
      worker.socket.on('connect_error', reject);
    });
    return worker;
  }

  constructor(name, options) {
    this.id = `${name}-${transport}`;
    this.queues = new Map();
    this.waiting = new Map();
    this.socket = io(url, settings(this.id, options));
    this.socket.onAny((event, data) => this.#note(event, data));
    this.socket.on('disconnect', (reason) => this.#note('disconnect', reason));
  }

  #note(event, data) {
    const waiter = this.waiting.get(event)?.shift();
    if (waiter) waiter(data);
    else this.queues.set(event, [...(this.queues.get(event) ?? []), data]);
  }

  /** The next event of this name. */
  next(event) {
    const came = this.queues.get(event);
    if (came?.length) return Promise.resolve(came.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(
        `${this.id}: no ${event} came; what did: ${JSON.stringify([...this.queues]).slice(0, 2000)}`)), DEADLINE_MS);
      const waiter = (data) => { clearTimeout(timer); resolve(data); };
      this.waiting.set(event, [...(this.waiting.get(event) ?? []), waiter]);
    });
  }

  emit(event, ...data) { this.socket.emit(event, ...data); }

  /** Emits with an acknowledgement callback, and gives what that got. */
  call(event, data) { return this.socket.timeout(DEADLINE_MS).emitWithAck(event, data); }

  async init(changes = {}) {
    this.emit('stream:init', { ...INIT, ...changes });
    return this.next('stream:ready');
  }

  /** Opens the stream as soon as there is room for it. */
  admitted() {
    return eventually('room', async () => {
      this.emit('stream:init', INIT);
      await eventually('an answer', () => this.queues.get('stream:ready')?.length || this.queues.get('error')?.length);
      if (!this.queues.get('error')?.length) return this.next('stream:ready');
      checkError(await this.next('error'), 'SERVICE_OVERLOADED');
      return null;
    });
  }

  fragment(number, instruction, parameter, changes) {
    return fragment(this.id, number, instruction, parameter, changes);
  }

  send(number, instruction, parameter, changes) {
    this.emit('fragment:data', this.fragment(number, instruction, parameter, changes));
  }

  /** Sends, and gives the acknowledgement: the callback's, which is the event's too. */
  async accepted(number, instruction, parameter, changes) {
    const ack = await this.call('fragment:data', this.fragment(number, instruction, parameter, changes));
    assert.equal(ack.status, 'queued', JSON.stringify(ack));
    assert.deepEqual(await this.next('fragment:ack'), ack);
    return ack;
  }

  /** The next result, which must be this one. */
  async result(number, status = 'success') {
    const result = await this.next('fragment:processed');
    assert.equal(result.sequence_number, number);
    assert.equal(result.status, status, JSON.stringify({ ...result, dubbed_audio: undefined }));
    return result;
  }

  /** Emits what must be refused. */
  async refused(event, data, code, ...words) {
    this.emit(event, ...(data === undefined ? [] : [data]));
    return checkError(await this.next('error'), code, ...words);
  }

  /** Ends the stream, and gives its stream:complete. */
  async end() {
    this.emit('stream:end');
    return this.next('stream:complete');
  }

  /** Breaks the connection: no farewell, as far as the official client can do that. */
  async breakOff() {
    this.#nothingIsLeft();
    this.socket.io.engine.close();
    assert.notEqual(await this.next('disconnect'), 'io client disconnect');
  }

  /** Leaves, after a look at whether anything came that nobody waited for. */
  async finish() {
    this.#nothingIsLeft();
    this.socket.disconnect();
    assert.equal(await this.next('disconnect'), 'io client disconnect');
  }

  #nothingIsLeft() {
    for (const [event, came] of this.queues) {
      if (!['fragment:ack', 'backpressure'].includes(event)) {
        assert.deepEqual(came, [], `${this.id}: ${event} came, and nobody waited for it`);
      }
    }
  }
}
