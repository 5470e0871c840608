// Makes the pictures in docs/operators.md: `make screenshots`. A service over fake engines, streams that fare well and
// badly, and Chromium from a phone to a wall.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';

const root = new URL('../../', import.meta.url).pathname;
const target = `${root}${process.env.PROFILE_DIR ?? 'target/release'}`;
const folder = `${root}docs/images`;

/** What the streams send: see tests/fakes/instruction.rs. */
const PROGRAMMES = [
  { name: 'evening-news', worker: 'studio-a', count: 5, next: () => [30, 120 + Math.random() * 160] },
  { name: 'parliament', worker: 'studio-b', count: 4, next: () => [20, 40 + Math.random() * 60] },
  { name: 'football', worker: 'stadium', count: 4, next: () => [1, 60 + Math.random() * 200] },
  { name: 'weather', worker: 'studio-a', count: 2, next: () => (Math.random() < 0.12 ? [38, 15] : [30, 90]) },
  { name: 'cooking', worker: 'studio-c', count: 2, next: () => (Math.random() < 0.06 ? [33, 0] : [30, 60]) },
  { name: 'late-show', worker: 'studio-c', count: 1, next: (number) => (number % 40 === 12 ? [37, number] : [30, 150]) },
];

const GPUS = [
  { gpu: 0, utilization_percent: 71, memory_used_bytes: 31_400_000_000, memory_total_bytes: 85_520_809_984, temperature_celsius: 58, power_watts: 431 },
  { gpu: 1, utilization_percent: 12, memory_used_bytes: 9_800_000_000, memory_total_bytes: 85_520_809_984, temperature_celsius: 41, power_watts: 118 },
];

async function startService() {
  const gpus = `${mkdtempSync(`${tmpdir()}/sts-`)}/gpus.json`;
  writeFileSync(gpus, JSON.stringify(GPUS));
  const service = spawn(`${target}/examples/fake-service`, {
    env: {
      ...process.env, FAKE_GPUS: gpus, PORT: '0', OPS_PORT: '0', LOG_LEVEL: 'info', ASR_WORKERS: '2', TTS_WORKERS: '3',
      MAX_MESSAGES_PER_SECOND: '1000',
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: service.stdout })[Symbol.asyncIterator]();
  const address = async () => `http://${(await lines.next()).value.split(' ').at(-1)}`;
  return { service, url: await address(), operators: await address() };
}

const { service, url, operators } = await startService();
// The worker of the tests takes where to connect from the command line.
process.argv.splice(2, 2, url, 'websocket');
const { Worker, eventually } = await import('../interop/node/harness.mjs');
const { launch, Tab } = await import('./browser.mjs');

let going = true;

async function play(name, workerId, next, rush) {
  const worker = await Worker.connect(name, { extraHeaders: { 'X-Stream-ID': name, 'X-Worker-ID': workerId } });
  worker.id = name;
  await worker.init({ first_sequence_number: 0 });
  for (let number = 0; going; number += 1) {
    worker.send(number, ...next(number));
    await worker.next('fragment:ack');
    if (number % rush === 0) await worker.next('fragment:processed');
    await pause(200 + Math.random() * 500);
  }
  worker.socket.disconnect();
}

function save(png, name) {
  mkdirSync(folder, { recursive: true });
  const path = `${folder}/operators-${name}.png`;
  writeFileSync(path, png);
  execFileSync('pngquant', ['--force', '--skip-if-larger', '--strip', '--output', path, '--quality', '60-90', path]);
  console.log(path);
}

async function shoot(browser) {
  const tab = await Tab.open(browser, operators, { reducedMotion: true });
  const picture = async (name, width, height, scheme) => {
    await tab.look({ width, height, scheme, reducedMotion: true });
    await pause(1500);
    save(await tab.page.screenshot(), name);
  };
  await tab.ready();
  // Time for the lines to become long enough to say something.
  await pause(Number(process.env.WARM_UP_MS ?? 60_000));
  await picture('desk', 1280, 1500, 'light');
  await picture('wall', 2560, 1440, 'dark');
  await picture('phone', 360, 780, 'dark');
  await tab.look({ width: 1280, height: 720, scheme: 'dark' });
  await tab.press('tts', 'restart');
  await picture('restart', 1280, 720, 'dark');
  await tab.page.click('#action-cancel');
  going = false;
  tab.expect(/WebSocket|ERR_/);
  service.kill('SIGKILL');
  await tab.page.waitForSelector('#gone:not([hidden])');
  await eventually('an age', async () => /is [3-9] s old/.test(await tab.text('#gone')));
  await picture('gone', 1280, 560, 'light');
}

const browser = await launch();
try {
  for (const { name, worker, count, next } of PROGRAMMES) {
    for (let number = 1; number <= count; number += 1) {
      // One hurries: it waits for every fifth result alone.
      play(`${name}-${number}`, worker, next, name === 'football' && number === 1 ? 5 : 1).catch(() => {});
    }
  }
  await shoot(browser);
} finally {
  await browser.close();
  service.kill('SIGKILL');
}
process.exit(0);
