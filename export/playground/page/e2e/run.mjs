/**
 * End-to-end tests of a site in headless Chromium.
 *
 *   node e2e/run.mjs SITE URL [SCREENSHOTS]
 *
 * SITE is a folder that tests/playground/page/make_site.py or `playground --out` wrote, with the
 * expected.json that expect.py adds, and URL is where it is served. Checks of models that it does not have
 * are left out. SCREENSHOTS is a folder for pictures of the page.
 * ONLY=TEXT in the environment runs the tests whose names have the text.
 */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { checks, needs } from "./checks.mjs";
import { startBrowser } from "./browser.mjs";

const [site, url, screenshots] = process.argv.slice(2);
const json = async (name) => JSON.parse(await readFile(`${site}/${name}`, "utf8"));
const expected = await json("expected.json");
const models = (await json("models.json")).models;
const ids = models.map((model) => model.id);
const { browser, page, errors } = await startBrowser(url);

const settled = () => page.waitForSelector("main:not([aria-busy])", { timeout: 60_000 });
const drawn = (text) =>
  page.waitForFunction((wanted) => document.body.dataset.drawn?.startsWith(wanted), text);

/** Opens the page anew with a state. */
async function open(state) {
  await page.goto("about:blank");
  await page.goto(`${url}#${state}`);
  await page.waitForSelector("#model:not([disabled])");
  await settled();
}

function close(actual, wanted) {
  assert.equal(actual.length, wanted.length);
  const far = Math.max(...actual.flatMap((picture, i) => picture.map((x, j) => Math.abs(x - wanted[i][j]))));
  assert.ok(far <= 2, `the pictures differ by ${far} of 255`);
  return far;
}

/** What each test is given. */
const given = { page, site, models, expected, errors, screenshots, open, drawn, close, url };

let failed = 0;
const only = process.env.ONLY;
for (const [name, test] of Object.entries(checks)) {
  if (only && !name.includes(only)) continue;
  const absent = (needs[name] ?? []).filter((id) => !ids.includes(id));
  if (absent.length) {
    console.log(`not run: ${name}: the site has no ${absent.join(", ")}`);
    continue;
  }
  errors.length = 0;
  try {
    await test(given);
    assert.deepEqual(errors, [], "errors in the console, or requests elsewhere");
    console.log(`passed: ${name}`);
  } catch (error) {
    failed++;
    console.log(`FAILED: ${name}\n  ${error.message}\n  ${errors.join("\n  ")}`);
  }
}
await browser.close();
process.exitCode = failed ? 1 : 0;
