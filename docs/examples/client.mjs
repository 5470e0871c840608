import { readFileSync, writeFileSync } from 'node:fs';
import { io } from 'socket.io-client';                    // npm install socket.io-client

const [url, source, target] = process.argv.slice(2);      // http://127.0.0.1:8000 in.wav out.wav
const wav = readFileSync(source), rate = wav.readUInt32LE(24), channels = wav.readUInt16LE(22);
const format = { channels, format: 'pcm_s16le' }, size = rate * channels * 2 * 6, dubbed = [wav.subarray(0, 44)];
const worker = io(url, { transports: ['websocket'], extraHeaders: { 'X-Stream-ID': 'node-example' } });
const next = (event) => new Promise((resolve) => worker.once(event, resolve));
worker.on('error', (error) => { console.error(error); process.exit(1); });
worker.emit('stream:init', { source_language: 'en', target_language: 'es', voice_profile: 'spanish_male_1',
  chunk_duration_ms: 6000, sample_rate_hz: rate, ...format });
console.log(await next('stream:ready'));
for (let n = 0, at = 44; at < wav.length; n += 1, at += size) {
  const pcm = wav.subarray(at, at + size), done = next('fragment:processed');
  worker.emit('fragment:data', { fragment_id: `f${n}`, stream_id: 'node-example', sequence_number: n, timestamp: n * 6000,
    audio: pcm.toString('base64'), sample_rate: rate, duration_ms: (pcm.length * 6000) / size, ...format });
  const { status, translated_text, dubbed_audio } = await done;
  console.log(status, translated_text);
  dubbed.push(dubbed_audio ? Buffer.from(dubbed_audio, 'base64') : pcm);
}
writeFileSync(target, Buffer.concat(dubbed));
worker.disconnect();
