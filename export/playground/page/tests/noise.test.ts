/** The inputs of each prior against those that the Python runtime drew into noise.json. */

import { expect, it } from "vitest";
import type { Inputs } from "../src/models";
import { labelsOf, noise } from "../src/noise";
import known from "./noise.json";

const drawn = noise(known.inputs as Inputs, 3, known.labels, known.seed, known.size as [number, number]);

it.each(Object.entries(known.drawn))("draws %s as the runtime does", (name, { shape, bits }) => {
  expect(drawn[name]!.shape).toEqual(shape);
  expect(Array.from(new Uint32Array(drawn[name]!.data.buffer))).toEqual(bits);
});

it("refuses a prior that it does not know", () => {
  const inputs = { z: { shape: [2], dtype: "float32", prior: "cauchy" } };
  expect(() => noise(inputs, 1, [], 0)).toThrow("cannot draw the input z, of the prior cauchy");
});

it("takes the classes in turn, or one for all", () => {
  expect(labelsOf(null, 3, 5)).toEqual([0, 1, 2, 0, 1]);
  expect(labelsOf(2, 3, 4)).toEqual([2, 2, 2, 2]);
});
