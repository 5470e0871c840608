// A restart with the keyboard alone: what has the focus can be seen, dialogs hold it and give it back.
import assert from 'node:assert/strict';
import { Tab } from './browser.mjs';

export default async function keyboard(browser, operators) {
  const tab = await Tab.open(browser, operators);
  await tab.ready();
  const { keyboard: keys } = tab.page;

  await keys.press('Tab');
  assert.equal(await tab.focused(), 'Skip to the stages');
  await keys.press('Enter');
  for (let steps = 0; !/^tts Restart/.test(await tab.focused()); steps += 1) {
    assert.ok(steps < 40, 'Tab does not get to the restart of synthesis');
    await keys.press('Tab');
    const outline = await tab.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.notEqual(outline, 'none', `the focus on ${await tab.focused()} cannot be seen`);
  }
  const button = await tab.focused();

  await keys.press('Enter');
  await tab.page.waitForSelector('#action[open]');
  await keys.press('Escape');
  await tab.page.waitForSelector('#action:not([open])');
  assert.equal(await tab.focused(), button);

  const old = await tab.workers('tts');
  await keys.press('Space');
  await tab.page.waitForSelector('#action[open]');
  await keys.press('ArrowDown');
  assert.equal(await tab.page.$eval('#action input:checked', (input) => input.value), 'all');
  for (let steps = 0; await tab.focused() !== 'action-confirm'; steps += 1) {
    assert.ok(steps < 5, 'Tab does not get to the confirmation');
    await keys.press('Tab');
  }
  await keys.press('Enter');
  assert.match(await tab.outcome(), /^Replaced 1 worker/);
  assert.equal(await tab.focused(), 'action-cancel');
  await keys.press('Enter');
  await tab.page.waitForSelector('#action:not([open])');
  assert.equal(await tab.focused(), button);
  await tab.until('[data-stage="tts"] .workers b', (text) => text !== old[0], 'a new worker');
  await tab.close();
}
