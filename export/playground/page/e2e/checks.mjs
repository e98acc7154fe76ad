/** What the page must do, each a function of the browser's page and of what run.mjs gives. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { gridPixels } from "./browser.mjs";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const data = (page, name) => page.evaluate((key) => document.body.dataset[key], name);
const waitFor = (page, name, not) =>
  page.waitForFunction(([key, old]) => ![undefined, old].includes(document.body.dataset[key]), [name, not]);

/** Asks the page again until something holds. */
async function until(holds, what) {
  for (let asked = 0; asked < 500; asked++) if (await holds()) return;
  assert.fail(what);
}

/** Moves a slider as a hand does. */
const slide = (page, label, value) =>
  page.getByLabel(label, { exact: false }).first().evaluate((input, wanted) => {
    input.value = wanted;
    input.dispatchEvent(new Event("input"));
  }, value);

async function stroke(page, canvas) {
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  await page.mouse.move(box.x + box.width / 3, box.y + box.height / 3);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + (2 * box.height) / 3, { steps: 4 });
  await page.mouse.up();
}

const mean = (canvas) =>
  canvas.evaluate((c) => {
    const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    return data.reduce((sum, x, i) => sum + (i % 4 < 3 ? x : 0), 0) / (0.75 * data.length);
  });

async function violations(page) {
  await page.evaluate(axe); // evaluated by the debugger, which the page's own rules do not bind
  const found = await page.evaluate(async () => (await window.axe.run()).violations);
  return found.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ").slice(0, 300)}`);
}

/** One model of each that have the same parts on their page. */
function unlike(models) {
  const parts = ({ inputs, encoder, classifier, steps, manifold, codes, palette, class_names: classes }) =>
    JSON.stringify([Object.keys(inputs), ...[encoder, classifier, steps, manifold, codes[0], palette, classes[0]].map(Boolean)]);
  return [...new Map(models.map((model) => [parts(model), model])).values()];
}

/** The models that a check needs; one that is not named here runs on any site. */
export const needs = {
  "a slider changes them, and the URL restores that": ["cgan-fashion_mnist"],
  "two kept pictures and what lies between": ["cgan-fashion_mnist"],
  "codes, steps, and a name with HTML in it": ["coded"],
  "the manifold and the autoencoder": ["plane"],
  "a classifier names the drawing": ["semi"],
  "a drawing is translated": ["negative"],
  "the quiz counts": ["cgan-fashion_mnist"],
  "a damaged and a missing file are told in words": ["corrupt", "missing"],
};

export const checks = {
  async "the runtime's pictures"({ page, open, expected, drawn, close, models }) {
    const start = Date.now();
    await open(`model=${models[0].id}`);
    console.log(`  first picture after ${Date.now() - start} ms`);
    for (const { id, seed, class: label, channels, pixels } of expected) {
      await open(`model=${id}`);
      if (label !== null) {
        await page.click(`fieldset:has(legend:text-is("Class")) button >> nth=${label + 1}`);
      }
      await page.fill("#seed", String(seed));
      await page.press("#seed", "Enter");
      await drawn(`${id} ${seed} ${label} `);
      const far = close(await gridPixels(page, channels), pixels);
      const speed = await page.textContent(".speed");
      console.log(`  ${id}, class ${label}: at most ${far} of 255 apart, ${speed}`);
    }
    assert.ok(await page.evaluate(() => crossOriginIsolated), "the server's headers let it have threads");
  },

  async "a slider changes them, and the URL restores that"({ page, open, drawn }) {
    await open("model=cgan-fashion_mnist&seed=3&class=7");
    const before = await gridPixels(page);
    await slide(page, "Direction 1", "3");
    await drawn("cgan-fashion_mnist 3 7 3,");
    const after = await gridPixels(page);
    assert.notDeepEqual(after, before);
    await page.waitForFunction(() => location.hash.includes("directions=3"));
    const state = new URL(page.url()).hash.slice(1);
    await open(state);
    assert.deepEqual(await gridPixels(page), after);
    assert.equal(await page.getAttribute("text=Sneaker", "aria-pressed"), "true");
  },

  async "two kept pictures and what lies between"({ page, open, screenshots }) {
    await open("model=cgan-fashion_mnist&seed=1");
    await page.click(".picture >> nth=2");
    await page.click(".picture >> nth=5");
    const canvas = page.getByLabel("Between two pictures");
    const position = page.locator("section", { hasText: "Between two kept" }).getByLabel("Position");
    const grid = await gridPixels(page);
    const shown = () =>
      canvas.evaluate((c) => Array.from(c.getContext("2d").getImageData(0, 0, 28, 28).data).filter((_, i) => i % 4 === 0));
    await page.waitForFunction(() => document.querySelector(".large").width === 28);
    assert.deepEqual(await shown(), grid[2]);
    await position.press("End");
    // The way ends at the other kept picture, but in the class of the first.
    await until(async () => String(await shown()) !== String(grid[2]), "the picture stays the same");
    await page.waitForFunction(() => location.hash.includes("kept=2%2C5"));
    await page.click("section:has-text('Between two kept') >> text=Play");
    await page.click("section:has-text('Between two kept') >> text=Stop");
    if (screenshots) await page.screenshot({ path: `${screenshots}/desktop.png`, fullPage: true });
  },

  async "codes, steps, and a name with HTML in it"({ page, open, drawn }) {
    await open("model=coded");
    assert.equal(await page.locator("img").count(), 0);
    assert.match(await page.title(), /<img src=x onerror=alert\(1\)> & <b>coded<\/b>/);
    assert.equal(await page.getByText("All in turn").count(), 0); // it takes no labels
    const before = await gridPixels(page);
    await page.click("fieldset:has-text('category') >> text=2");
    await page.waitForFunction(() => location.hash.includes("category=2"));
    await slide(page, "code 1", "0.9");
    await slide(page, "Direction 1", "1");
    await drawn("coded 0 null 1");
    assert.notDeepEqual(await gridPixels(page), before);
    const steps = page.getByLabel("How it is drawn");
    const dark = await mean(steps);
    await page.locator("section", { hasText: "How the first" }).getByLabel("Position").press("End");
    await until(async () => (await mean(steps)) > 2 * dark, "the last step is brighter than the first");
  },

  async "the manifold and the autoencoder"({ page, open, screenshots }) {
    await open("model=plane");
    await waitFor(page, "point");
    const point = await data(page, "point");
    await page.getByLabel("Map of the latent space").press("ArrowRight");
    await waitFor(page, "point", point);
    assert.equal(await data(page, "point"), "z = 0.10, 0.00");
    await stroke(page, page.getByLabel("Canvas to draw on"));
    await waitFor(page, "encoded");
    assert.match(await data(page, "encoded"), /^-?\d+\.\d\d, -?\d+\.\d\d$/);
    if (screenshots) await page.screenshot({ path: `${screenshots}/plane.png`, fullPage: true });
  },

  async "a classifier names the drawing"({ page, open }) {
    await open("model=semi");
    const reconstruction = page.getByLabel("The reconstruction");
    await page.getByLabel("Canvas to draw on").press("Space");
    await page.waitForSelector("text=/The classifier says empty, \\d+ %/");
    const dark = await mean(reconstruction);
    await stroke(page, page.getByLabel("Canvas to draw on"));
    await page.waitForSelector("text=/The classifier says full, \\d+ %/");
    assert.ok((await mean(reconstruction)) > dark, "it is decoded as the class that was found");
  },

  async "a drawing is translated"({ page, open, site, screenshots }) {
    await open("model=negative");
    const output = page.getByLabel("What the model makes of it");
    assert.equal(await mean(output), 255); // the negative of black
    await stroke(page, page.getByLabel("Canvas to draw on"));
    await page.waitForFunction(() => {
      const c = document.querySelector("[aria-label^='What the model']");
      return c.getContext("2d").getImageData(6, 6, 1, 1).data[0] < 250;
    });
    const light = await mean(output);
    assert.ok(light < 250 && light > 100, `the stroke is dark in the negative, ${light}`);
    if (screenshots) await page.screenshot({ path: `${screenshots}/negative.png`, fullPage: true });
    await page.waitForFunction(() => location.hash.includes("drawing="));
    await open(new URL(page.url()).hash.slice(1));
    assert.equal(await mean(output), light);
    // The keyboard draws too.
    await page.getByLabel("Canvas to draw on").press("ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await until(async () => (await mean(output)) < light, "the keyboard's stroke is seen");
    // A file instead of a drawing, and one that is no image.
    const before = await mean(output);
    await page.setInputFiles("input[type=file]", `${site}/models/cgan-fashion_mnist/real-0.png`);
    await until(async () => (await mean(output)) !== before, "the image changes the output");
    await page.setInputFiles("input[type=file]", `${site}/models.json`);
    await page.waitForSelector("text=This is not an image that the browser can show: models.json");
    const saved = page.waitForEvent("download");
    await page.click("text=Download PNG");
    assert.equal((await saved).suggestedFilename(), "negative.png");
  },

  async "the quiz counts"({ page, open }) {
    await open("model=cgan-fashion_mnist");
    await page.click("section:has-text('Real or drawn') >> button:text-is('Real'):enabled");
    await page.waitForSelector("text=/(Right|Wrong): it was (real|drawn). [01] of 1 right./");
  },

  async "a damaged and a missing file are told in words"({ page, open, errors }) {
    await open("model=corrupt");
    assert.match(await page.textContent("#alarm"), /model_fp16.onnx is damaged: its checksum/);
    await open("model=missing");
    assert.match(await page.textContent("#alarm"), /models\/missing\/model.onnx is missing: the server answered 404/);
    // The browser itself notes the 404.
    assert.equal(errors.filter((text) => !text.includes("404")).length, 0);
    errors.length = 0;
    await open("model=nothing&seed=x&class=99");
    assert.match(await page.textContent("#status"), /no model nothing/);
    assert.equal(await page.inputValue("#seed"), "0");
  },

  async "what the browser lacks is told in words"({ page, url, errors }) {
    await page.addInitScript(() => {
      if (location.search === "?without") Reflect.deleteProperty(window, "WebAssembly");
    });
    await page.goto(`${url}?without`);
    await page.waitForSelector("#alarm:not([hidden])");
    assert.match(await page.textContent("#alarm"), /This browser has no WebAssembly/);
    for (const [missing, words] of [
      ["**/ort/*.wasm", /The runtime under ort\/ could not be started/],
      ["**/models.json", /models.json is missing: the server answered 404/],
    ]) {
      await page.route(missing, (route) => route.fulfill({ status: 404 }));
      await page.goto("about:blank");
      await page.goto(url);
      await page.waitForSelector("#alarm:not([hidden])");
      assert.match(await page.textContent("#alarm"), words);
      await page.unroute(missing);
    }
    errors.length = 0; // the browser itself notes what failed to load
  },

  async "axe-core finds nothing, in light, dark and on a phone"({ page, open, models, errors, screenshots }) {
    for (const [scheme, width] of [["light", 1280], ["dark", 375]]) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize({ width, height: 800 });
      for (const { id: model } of unlike(models)) {
        await open(`model=${model}`);
        assert.deepEqual(await violations(page), [], `${model}, ${scheme}, ${width} pixels`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${model} is ${wide} pixels wide on a screen of ${width}`);
        if (screenshots && width < 500) {
          await page.screenshot({ path: `${screenshots}/phone-${model}.png`, fullPage: true });
        }
      }
    }
    errors.splice(0, Infinity, ...errors.filter((text) => !text.includes("404"))); // of "missing"
  },
};
