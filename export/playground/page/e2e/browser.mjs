/** A page of headless Chromium that notes errors and outside requests. */

import { chromium } from "playwright-core";

/** @param url of the site, the only origin that may be asked for anything. */
export async function startBrowser(url) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu"],
  });
  const context = await browser.newContext({ bypassCSP: false });
  const page = await context.newPage();
  const errors = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("request", (request) => {
    const address = request.url();
    if (!address.startsWith(url) && !/^(blob|data):/.test(address)) errors.push(`outside: ${address}`);
  });
  return { browser, page, errors };
}

/** The pixels of the grid's canvases: the red ones, or all three, as `width` says. */
export function gridPixels(page, channels = 1) {
  return page.$$eval(
    ".picture canvas",
    (canvases, count) =>
      canvases.map((canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return Array.from(data).filter((_, i) => i % 4 < count);
      }),
    channels,
  );
}
