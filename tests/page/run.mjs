// One scenario against a running service: node run.mjs URL websocket SCENARIO OPERATORS_URL
import { launch } from './browser.mjs';

const [, , scenario, operators] = process.argv.slice(2);
const { default: play } = await import(`./${scenario}.mjs`);
const browser = await launch();
try {
  await play(browser, operators);
} finally {
  await browser.close();
}
