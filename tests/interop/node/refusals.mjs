// Bad input is answered by an error that names the field, and the stream does not notice.
import assert from 'node:assert/strict';
import { INIT, Worker, checkError, samples } from './harness.mjs';

export async function badInits() {
  const worker = await Worker.connect('node-bad-init');
  await worker.refused('stream:init', undefined, 'INVALID_CONFIG');
  for (const notAnObject of [null, 7, 'x', [], true]) {
    await worker.refused('stream:init', notAnObject, 'INVALID_CONFIG');
  }
  for (const field of Object.keys(INIT)) {
    await worker.refused('stream:init', { ...INIT, [field]: undefined }, 'INVALID_CONFIG', field);
  }
  for (const [field, value] of Object.entries({
    source_language: 'english', target_language: 7, voice_profile: [], chunk_duration_ms: 0, sample_rate_hz: 1,
    channels: 7, format: 'mp3', domain_hints: 'Gutenberg', first_sequence_number: -1, resume: {}, audio_encoding: 'hex',
  })) {
    await worker.refused('stream:init', { ...INIT, [field]: value }, 'INVALID_CONFIG', field);
  }
  for (const profile of ['nobody', 'french_female_1']) {
    await worker.refused('stream:init', { ...INIT, voice_profile: profile }, 'INVALID_VOICE_PROFILE',
      profile, 'spanish_male_1', 'spanish_female_1');
  }
  for (const [field, value, instead] of [['source_language', 'de', 'en'], ['target_language', 'fr', 'es']]) {
    await worker.refused('stream:init', { ...INIT, [field]: value }, 'UNSUPPORTED_LANGUAGE', field, instead);
  }
  await worker.init();
  await worker.finish();
}

export async function badFragments() {
  const worker = await Worker.connect('node-bad-fragment');
  await worker.init();
  const refused = (fragment, ...words) => worker.refused('fragment:data', fragment, 'INVALID_FRAGMENT', ...words);
  await refused(undefined);
  await refused('text');
  for (const field of Object.keys(worker.fragment(0, 0))) {
    await refused({ ...worker.fragment(0, 0), [field]: undefined }, field);
  }
  const bad = (field, value) => refused(worker.fragment(0, 0, 0, { [field]: value }), field);
  await bad('fragment_id', '');
  await bad('fragment_id', 'x'.repeat(129));
  await bad('sequence_number', -1);
  await bad('sequence_number', 'one');
  await bad('sequence_number', 1.5);
  await bad('timestamp', 'now');
  await bad('audio', '!');
  await bad('audio', '');
  await bad('audio', 7);
  await bad('audio', samples(0, 0, 10).subarray(0, 19).toString('base64'));
  await bad('sample_rate', 0);
  await bad('channels', 3);
  await bad('format', 'mp3');
  await bad('duration_ms', 0);
  await bad('duration_ms', 5000);
  await refused(worker.fragment(0, 0, 0, { sample_rate: 8000, duration_ms: 2000 }), 'sample_rate');
  await refused(worker.fragment(0, 0, 0, { channels: 2, duration_ms: 500 }), 'channels');
  const named = await refused(worker.fragment(0, 0, 0, { duration_ms: 'long' }), 'duration_ms');
  assert.equal(named.fragment_id, 'f-0');
  const told = await worker.call('fragment:data', worker.fragment(0, 0, 0, { channels: 3 }));
  checkError(told, 'INVALID_FRAGMENT', 'channels');
  assert.deepEqual(await worker.next('error'), told);
  // Within the tolerance, and the stream has not noticed any of it.
  await worker.accepted(0, 1, 1, { duration_ms: 1049 });
  await worker.result(0);
  await worker.finish();
}
