/** Movements in the latent space against numbers worked by hand. */

import { expect, it } from "vitest";
import { between, fix, path, push, repeated } from "../src/latent";

const z = () => ({ data: Float32Array.of(1, 2, 3, 4), shape: [2, 2] });

it("adds deviations along a direction to every example", () => {
  const inputs = { z: z() };
  push(inputs, [{ input: "z", vector: [0.6, 0.8], deviation: 0.5 }], [10]);
  expect(Array.from(inputs.z.data)).toEqual([4, 6, 6, 8]);
});

it("fixes a value and repeats an example", () => {
  const tensor = z();
  expect(Array.from(repeated(tensor, 1, 3).data)).toEqual([3, 4, 3, 4, 3, 4]);
  fix(tensor, [7, 8]);
  expect(Array.from(tensor.data)).toEqual([7, 8, 7, 8]);
});

it("goes on the arc between normal numbers, else on the line", () => {
  const arc = between([2, 0], [0, 2], 3, true);
  expect(arc[2]).toBeCloseTo(Math.SQRT2, 6);
  expect(arc[3]).toBeCloseTo(Math.SQRT2, 6);
  expect(Array.from(between([2, 0], [0, 2], 3, false))).toEqual([2, 0, 1, 1, 0, 2]);
  expect(Array.from(between([0, 0], [0, 2], 3, true))).toEqual([0, 0, 0, 1, 0, 2]);
});

it("keeps the label of the first picture", () => {
  const inputs = { z: z(), label: { data: Int32Array.of(5, 6), shape: [2] } };
  const specs = {
    z: { shape: [2], dtype: "float32", prior: "uniform" },
    label: { shape: [], dtype: "int32", prior: "class" },
  };
  const frames = path(inputs, specs, 1, 0, 3);
  expect(Array.from(frames["label"]!.data)).toEqual([6, 6, 6]);
  expect(Array.from(frames["z"]!.data)).toEqual([3, 4, 2, 3, 1, 2]);
  expect(frames["z"]!.shape).toEqual([3, 2]);
});
