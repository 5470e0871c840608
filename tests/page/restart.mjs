// Numbers move under load; a stage is restarted by its button and comes back with new workers; no fragment is lost.
import assert from 'node:assert/strict';
import { Tab } from './browser.mjs';
import { Load } from './load.mjs';

export default async function restart(browser, operators) {
  const loads = await Promise.all([1, 2, 3].map((number) => Load.start(`watched-${number}`)));
  const tab = await Tab.open(browser, operators);
  await tab.ready();
  await tab.until('#service-facts [data-field="streams"]', (text) => text === '3');

  const worked = '[data-stage="asr"] .workers .busy';
  const before = await tab.until(worked, (text) => text !== '');
  await tab.until(worked, (text) => text !== before, 'the recogniser’s work moves');

  for (const [stage, mode] of [['tts', 'rolling'], ['asr', 'all']]) {
    const old = await tab.workers(stage);
    await tab.press(stage, 'restart');
    await tab.page.click(`#action input[value="${mode}"]`);
    assert.match(await tab.confirm(), /^Replaced 1 worker in /);
    await tab.page.click('#action-cancel');
    const changed = async () => (await tab.workers(stage)).join() !== old.join();
    await tab.until(`[data-stage="${stage}"] [data-field="state"]`, (text) => text === 'ready');
    while (!await changed()) await tab.until('#service-state', (text) => text === 'ready');
  }

  const sent = await Promise.all(loads.map((load) => load.finish()));
  assert.ok(sent.every((fragments) => fragments > 10), sent.join());
  await tab.until('#service-facts [data-field="streams"]', (text) => text === '0');
  await tab.close();
}
