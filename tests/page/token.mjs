// Where operators' tokens are in force the page asks for one, shows nothing before, and refuses a wrong one.
import assert from 'node:assert/strict';
import { Tab } from './browser.mjs';

const TOKEN = 'an-operators-secret';

export default async function token(browser, operators) {
  const tab = await Tab.open(browser, operators);
  const { page } = tab;
  await page.waitForSelector('#token[open]');
  assert.equal(await page.$('[data-stage]'), null);

  await page.keyboard.press('Escape');
  await tab.until('#gone', (text) => text.includes('without an operator’s token'));
  await page.click('#gone button');
  await page.waitForSelector('#token[open]');

  await page.type('#token-text', 'not-the-right-secret');
  await page.keyboard.press('Enter');
  await tab.until('#token-outcome', (text) => text === 'The service does not take this token.');
  assert.equal(await page.$('[data-stage]'), null);

  await page.type('#token-text', TOKEN);
  await page.keyboard.press('Enter');
  await tab.ready();
  assert.equal(await page.$('#token[open]'), null);
  assert.ok(!page.url().includes(TOKEN));
  assert.ok(!(await page.content()).includes(TOKEN));

  // Actions show it too.
  await tab.press('asr', 'restart');
  assert.match(await tab.confirm(), /^Replaced 1 worker/);
  await page.click('#action-cancel');

  // This tab keeps it, until it is told to forget it.
  await page.reload();
  await tab.ready();
  await Promise.all([page.waitForNavigation(), page.click('#forget-token')]);
  await page.waitForSelector('#token[open]');
  await tab.close();
}
