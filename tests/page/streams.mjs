// The table of streams: rows stay and their numbers move, it is sorted, filtered and drained; names of strangers are
// text, whatever they look like.
import assert from 'node:assert/strict';
import { Worker } from '../interop/node/harness.mjs';
import { Tab } from './browser.mjs';
import { Load } from './load.mjs';

const HOSTILE = '<img/src=x/onerror=document.title=1>';
/** Instructions: the synthesiser fails, and stays sound; the translator panics. */
const [FAILS_IN_TTS, PANICS_IN_TRANSLATION] = [33, 21];

const ids = (tab) => tab.page.$$eval('#streams-body [data-field="id"]', (nodes) => nodes.map((node) => node.textContent));

async function rows(tab, condition, what) {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const shown = await ids(tab);
    if (condition(shown)) return shown;
    assert.ok(Date.now() < deadline, `not in time: ${what}; there are ${shown.join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export default async function streams(browser, operators) {
  const [hostile, plain] = [await Load.start(HOSTILE), await Load.start('plain')];
  const idle = await Worker.connect('idle');
  await idle.init();
  const failing = await Worker.connect('failing');
  await failing.init({ first_sequence_number: 0 });
  failing.send(0, FAILS_IN_TTS);
  await failing.result(0, 'failed');
  failing.send(1, PANICS_IN_TRANSLATION);
  await failing.result(1, 'failed');

  const tab = await Tab.open(browser, operators);
  await tab.ready();
  const byName = [hostile.worker.id, failing.id, idle.id, plain.worker.id].sort();
  assert.deepEqual(await rows(tab, (shown) => shown.length === 4, 'four streams'), byName);
  assert.equal(await tab.page.$('#streams-body img'), null);
  assert.match(await tab.page.title(), /sts operators$/);

  // A row is the same from second to second; its numbers and its line move.
  const row = `#streams-body tr:nth-child(${byName.indexOf(plain.worker.id) + 1})`;
  await tab.page.$eval(row, (node) => { node.dataset.seen = 'before'; });
  const look = () => tab.page.$eval(row, (node) => [
    node.querySelector('[data-field="success"]').textContent, node.querySelector('polyline').getAttribute('points'),
  ]);
  const before = await look();
  await tab.until(`${row} [data-field="success"]`, (text) => text !== before[0], 'the number of results grows');
  assert.notEqual((await look())[1], before[1]);
  assert.equal(await tab.page.$eval(row, (node) => node.dataset.seen), 'before');

  await tab.page.click('[data-column="failed"] button');
  assert.equal((await ids(tab))[0], failing.id);
  assert.equal(await tab.page.$eval('[data-column="failed"]', (head) => head.getAttribute('aria-sort')), 'descending');
  assert.match(await tab.text('#streams-body tr:first-child [data-field="error"]'), /^STAGE_UNAVAILABLE in translation, .* ago: /);
  await tab.page.select('#streams-show', 'trouble');
  assert.deepEqual(await ids(tab), [failing.id]);
  await tab.page.select('#streams-show', 'all');
  await tab.page.type('#streams-filter', 'ONERROR');
  assert.deepEqual(await ids(tab), [hostile.worker.id]);
  await tab.page.locator('#streams-filter').fill('idle');
  assert.deepEqual(await ids(tab), [idle.id]);

  await tab.page.click('#streams-body [data-field="drain"]');
  assert.equal(await tab.text('#action-title'), `Drain stream ${idle.id}`);
  assert.equal(await tab.confirm(), 'The stream ends; nothing was in flight.');
  await idle.next('stream:complete');
  await tab.page.click('#action-cancel');

  await tab.until('#event-list', (text) => text.includes(`Stream ${HOSTILE}`));
  await tab.page.click('#events-trouble');
  await tab.until('#event-list', (text) => !text.includes('was opened')
    && text.includes(`Stream ${failing.id}: fragment 0 failed in synthesis: INTERNAL`)
    && text.includes('Translation lost a worker (panic)'));
  await tab.until('[data-stage="translation"] [data-field="lost"]', (text) => /^Workers lost: panicked [12]×$/.test(text));

  await Promise.all([hostile, plain].map((load) => load.finish()));
  failing.socket.disconnect();
  idle.socket.disconnect();
  await tab.close();
}
