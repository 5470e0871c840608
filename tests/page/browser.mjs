// A Chromium with the operators' page in it, and what can be asked of the page.
import assert from 'node:assert/strict';
import puppeteer from 'puppeteer-core';

const DEADLINE_MS = 30_000;

/** Chromium as Debian and Ubuntu install it, unless CHROMIUM names another. */
function executable() { return process.env.CHROMIUM ?? '/usr/bin/chromium'; }

export async function launch() {
  return puppeteer.launch({
    executablePath: executable(),
    // Chromium's sandbox does not work for root, and shared memory is scarce in containers.
    args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

/** A tab with the page, and everything that went wrong in it. */
export class Tab {
  #complaints = [];
  /** Complaints that are part of a test, such as those about a connection that it cuts. */
  #expected = [];

  static async open(browser, url, screen = {}) {
    const tab = new Tab();
    tab.page = await browser.newPage();
    tab.page.setDefaultTimeout(DEADLINE_MS);
    await tab.look(screen);
    tab.page.on('console', (message) => {
      if (['error', 'warn'].includes(message.type())) tab.#complaints.push(message.text());
    });
    tab.page.on('pageerror', (error) => tab.#complaints.push(String(error)));
    tab.page.on('dialog', (dialog) => { tab.#complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
    await tab.page.evaluateOnNewDocument(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`content security policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    const answer = await tab.page.goto(url);
    assert.equal(answer.status(), 200);
    return tab;
  }

  /** Has the page on another screen. */
  async look({ width = 1280, height = 900, scheme = 'light', reducedMotion = false }) {
    await this.page.setViewport({ width, height });
    await this.page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: scheme },
      { name: 'prefers-reduced-motion', value: reducedMotion ? 'reduce' : 'no-preference' },
    ]);
  }

  expect(...patterns) { this.#expected.push(...patterns); }

  /** Nothing was complained about on the console, no policy violated, no script failed. */
  checkSilent() {
    const left = this.#complaints.filter((text) => !this.#expected.some((pattern) => pattern.test(text)));
    assert.deepEqual(left, []);
  }

  async close() {
    this.checkSilent();
    await this.page.close();
  }

  text(selector) { return this.page.$eval(selector, (node) => node.textContent.trim()); }

  visible(selector) { return this.page.$eval(selector, (node) => node.checkVisibility()); }

  /** Waits until `condition(text)` holds for the text of what the selector finds, and gives the text. */
  async until(selector, condition, what = String(condition)) {
    const deadline = Date.now() + DEADLINE_MS;
    for (let text = null; ;) {
      text = await this.text(selector).catch(() => null);
      if (text !== null && condition(text)) return text;
      assert.ok(Date.now() < deadline, `not in time: ${what}; ${selector} says: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Live data are shown. */
  async ready() { await this.until('#service-state', (text) => text === 'ready'); }

  /** Presses the button of a stage's card. */
  press(stage, action) { return this.page.click(`[data-stage="${stage}"] [data-action="${action}"]`); }

  /** Presses the confirming button, and gives what the dialog says was done. */
  async confirm() {
    await this.page.click('#action-confirm');
    return this.outcome();
  }

  /** What the dialog says was done, or why it was not. */
  async outcome() { return this.until('#action-outcome', (text) => text !== '' && text !== 'Working…'); }

  /** Numbers of a stage's workers. */
  workers(stage) {
    return this.page.$$eval(`[data-stage="${stage}"] .workers b`, (nodes) => nodes.map((node) => node.textContent));
  }

  /** What has the focus, as it is called. */
  focused() {
    return this.page.evaluate(() => {
      const node = document.activeElement;
      return `${node.closest('[data-stage]')?.dataset.stage ?? ''} ${node.id || node.textContent.trim()}`.trim();
    });
  }
}
