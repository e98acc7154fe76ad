/**
 * End-to-end tests of a site in headless Chromium.
 *
 *   node e2e/run.mjs SITE [SCREENSHOTS]
 *
 * SITE is a folder that e2e/make_site.py wrote.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { gridPixels, serve, startBrowser } from "./browser.mjs";

const [site, screenshots] = process.argv.slice(2);
const expected = JSON.parse(await readFile(`${site}/expected.json`, "utf8"));
const server = await serve(site);
const { browser, page, errors } = await startBrowser(server.url);

const ready = () => page.waitForSelector("main:not([aria-busy])", { timeout: 60_000 });
const drawn = (text) =>
  page.waitForFunction((wanted) => document.body.dataset.drawn?.startsWith(wanted), text);

/** Opens the page anew with a state. */
async function open(state) {
  await page.goto("about:blank");
  await page.goto(`${server.url}#${state}`);
  await page.waitForSelector("#model:not([disabled])");
  await ready();
}

function close(actual, wanted) {
  assert.equal(actual.length, wanted.length);
  const far = Math.max(...actual.flatMap((picture, i) => picture.map((x, j) => Math.abs(x - wanted[i][j]))));
  assert.ok(far <= 2, `the pictures differ by ${far} of 255`);
  return far;
}

const tests = {
  async "the runtime's pictures"() {
    const start = Date.now();
    await open("model=cgan-fashion_mnist");
    console.log(`  first picture after ${Date.now() - start} ms; ${await page.textContent(".speed")}`);
    await page.fill("#seed", String(expected.seed));
    await page.press("#seed", "Enter");
    await drawn(`cgan-fashion_mnist ${expected.seed} null`);
    console.log(`  in turn: at most ${close(await gridPixels(page), expected.turns)} of 255 apart`);
    await page.click("text=Sneaker");
    await drawn(`cgan-fashion_mnist ${expected.seed} ${expected.class}`);
    console.log(`  one class: at most ${close(await gridPixels(page), expected.one)} of 255 apart`);
  },
};

let failed = 0;
const only = process.env.ONLY;
for (const [name, test] of Object.entries(tests)) {
  if (only && !name.includes(only)) continue;
  errors.length = 0;
  try {
    await test();
    assert.deepEqual(errors, [], "errors in the console, or requests elsewhere");
    console.log(`passed: ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${name}\n  ${error.message}\n  ${errors.join("\n  ")}`);
  }
}
if (screenshots) await page.screenshot({ path: `${screenshots}/desktop.png`, fullPage: true });
await browser.close();
server.close();
process.exitCode = failed ? 1 : 0;
