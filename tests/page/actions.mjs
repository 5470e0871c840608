// Every other action on a stage: each says what it will do, does it once it is confirmed, and says what came of it.
import assert from 'node:assert/strict';
import { Tab } from './browser.mjs';

export default async function actions(browser, operators) {
  const tab = await Tab.open(browser, operators);
  await tab.ready();
  assert.equal(await tab.visible('#gpus'), false, 'there is no GPU');
  const state = (stage) => `[data-stage="${stage}"] [data-field="state"]`;

  await tab.press('asr', 'scale');
  await tab.page.locator('#action input[name="workers"]').fill('3');
  assert.equal(await tab.confirm(), 'From 1 to 3 workers; the new ones are getting warm.');
  await tab.page.click('#action-cancel');
  await tab.until('[data-stage="asr"] [data-field="workers"]', (text) => text === '3 of 3');

  await tab.press('translation', 'pause');
  assert.equal(await tab.confirm(), 'Jobs wait until the stage is resumed.');
  await tab.page.keyboard.press('Escape');
  await tab.until(state('translation'), (text) => text === 'paused');
  await tab.until('#announcer', (text) => text.includes('Translation: paused.'));
  await tab.press('translation', 'pause');
  assert.equal(await tab.text('#action-confirm'), 'Resume');
  assert.equal(await tab.confirm(), 'Jobs are handed out again.');
  await tab.page.keyboard.press('Escape');
  await tab.until(state('translation'), (text) => text === 'ready');

  // A refusal is shown, and can be mended in place.
  tab.expect(/the server responded with a status of 400/);
  await tab.press('tts', 'reload');
  const path = tab.page.locator('#action input[name="path"]');
  await path.fill('/nowhere');
  assert.match(await tab.confirm(), /\/nowhere.*INVALID_CONFIG, HTTP 400/);
  await path.fill('/');
  await tab.page.click('#action-confirm');
  await tab.until('#action-outcome', (text) => /^Loaded by 1 worker/.test(text));
  await tab.page.click('#action-cancel');

  await tab.page.waitForSelector('#log-level:not([hidden])');
  assert.equal(await tab.text('#log-level'), 'Log level: error…');
  await tab.page.click('#log-level');
  assert.equal(await tab.page.$eval('#action input:checked', (input) => input.value), 'error');
  await tab.page.click('#action input[value="warning"]');
  assert.equal(await tab.confirm(), 'The log level is warning.');
  await tab.page.click('#action-cancel');
  assert.equal(await tab.text('#log-level'), 'Log level: warning…');

  // An actor is asked what it shows of itself.
  await tab.page.click('#actors summary');
  await tab.until('#actors-body', (text) => text.includes('asr-supervisor'));
  await tab.page.evaluate(() => [...document.querySelectorAll('#actors-body tr')]
    .find((row) => row.textContent.includes('asr-supervisor')).querySelector('button').click());
  assert.equal(JSON.parse(await tab.confirm()).workers_wanted, 3);
  await tab.page.click('#action-cancel');

  // Nothing is done without a confirmation.
  await tab.page.click('#drain-service');
  await tab.page.keyboard.press('Escape');
  assert.equal(await tab.text('#service-state'), 'ready');
  // The service ends when it has drained, and the connection with it.
  tab.expect(/WebSocket|ERR_/);
  await tab.page.click('#drain-service');
  assert.match(await tab.confirm(), /The service is draining/);
  await tab.page.click('#action-cancel');
  await tab.page.waitForSelector('#gone:not([hidden])');
  await tab.close();
}
