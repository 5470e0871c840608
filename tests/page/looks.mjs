// Nothing to complain about for axe, in light and in dark, from a phone to a wall; nothing scrolls
// sideways.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Tab } from './browser.mjs';
import { Load } from './load.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function checkAccessibility(tab, where) {
  await tab.page.evaluate(AXE);
  const { violations, passes } = await tab.page.evaluate(() => window.axe.run({ resultTypes: ['violations', 'passes'] }));
  assert.ok(passes.length > 5, 'axe looked at the page');
  const found = violations.map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
  assert.deepEqual(found, [], where);
}

async function checkWidth(tab, width) {
  const { scroll, inner, beyond } = await tab.page.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    inner: window.innerWidth,
    beyond: [...document.querySelectorAll('body *')].filter((node) => node.getBoundingClientRect().right > window.innerWidth)
      .map((node) => node.outerHTML.slice(0, 80)),
  }));
  assert.equal(inner, width);
  assert.ok(scroll <= width, `the page is ${scroll} px wide on a screen of ${width} px: ${beyond.join('\n')}`);
}

export default async function looks(browser, operators) {
  const loads = await Promise.all([Load.start('short'), Load.start(`long-${'name'.repeat(25)}`)]);
  for (const [width, height] of [[360, 740], [1280, 900], [2560, 1440]]) {
    for (const scheme of ['light', 'dark']) {
      const tab = await Tab.open(browser, operators, { width, height, scheme, reducedMotion: true });
      await tab.ready();
      await tab.until('#gpu-list', (text) => /GPU 0.*Utilisation\s*37 %/s.test(text));
      await tab.until('#streams-body', (text) => text.includes('short'));
      await tab.page.click('#actors summary');
      await tab.until('#actors-body', (text) => text.includes('tts-supervisor'));
      await checkWidth(tab, width);
      await checkAccessibility(tab, `${width} px, ${scheme}`);
      await tab.press('tts', 'restart');
      await checkAccessibility(tab, `the dialog at ${width} px, ${scheme}`);
      await checkWidth(tab, width);
      await tab.close();
    }
  }
  await Promise.all(loads.map((load) => load.finish()));
}
