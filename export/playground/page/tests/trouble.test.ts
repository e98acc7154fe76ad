/** Errors in words, and a list of models that cannot be read. */

import { afterEach, expect, it, vi } from "vitest";
import { readModels } from "../src/models";
import { inWords, Trouble } from "../src/trouble";

afterEach(() => vi.unstubAllGlobals());

it.each([
  [new Trouble("As it is."), "As it is."],
  [new RangeError("Array buffer allocation failed"), /ran out of memory/],
  [new Error("std::bad_alloc"), /ran out of memory/],
  [new Error("no available backend found. ERR: [wasm] x"), /runtime under ort\/ could not be started/],
  [new Error("Unknown operator\nat 3"), "Something failed: Unknown operator"],
  ["text", "Something failed: text"],
])("tells %s in words", (error, words) => {
  expect(inWords(error)).toMatch(words);
});

const answer = (body: string, status = 200) =>
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { status })));

it.each([
  ["", 404, "models.json is missing: the server answered 404."],
  ["<html>", 200, "models.json is damaged: it is not JSON."],
  ['{"format": 2, "models": []}', 200, "models.json is not of format 1"],
  ['{"format": 1, "models": []}', 200, "This playground has no model."],
])("refuses the list %s with status %i", async (body, status, words) => {
  answer(body, status);
  await expect(readModels()).rejects.toThrow(words);
});

it("offers classes only where labels are an input", async () => {
  const model = (inputs: object) => ({ inputs, class_names: ["a", "b"] });
  answer(JSON.stringify({ format: 1, models: [model({ label: {} }), model({ z: {} })] }));
  expect((await readModels()).map((found) => found.class_names)).toEqual([["a", "b"], []]);
});
