/** The inputs of a graph, drawn from their priors as `export/runtime/noise.py` draws them. */

import type { Inputs, Spec } from "./models";
import { Generator } from "./rng";
import { Trouble } from "./trouble";
import { normal } from "./ziggurat";

/** Numbers of shape (n, ...). */
export interface Tensor {
  data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  shape: number[];
}

export type Tensors = Record<string, Tensor>;

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** An input's shape, for images of `size` (height, width) where it depends on that. */
export function inputShape(spec: Spec, size?: readonly [number, number]): number[] {
  if (!size || !(spec.multiple || spec.divisor)) return spec.shape;
  const sides = size.map((side) => Math.floor(side / (spec.divisor ?? 1)));
  return [...sides, ...spec.shape.slice(-1)];
}

function fromPrior(spec: Spec, name: string, seed: number[], count: number, shape: number[]) {
  const rng = new Generator(seed);
  const total = product(shape);
  switch (spec.prior) {
    case "category":
      return rng.integers(spec.classes!, total);
    case "normal":
      return normal(rng, total);
    case "uniform":
      // Both steps round to float32, as numpy's do.
      return rng.uniform(total).map((x) => Math.fround(2 * x) - 1);
    case "image":
      return rng.uniform(total);
    case "mask": {
      const keep = Math.fround(spec.keep!);
      const kept = Math.fround(1 / keep);
      // numpy compares a float32 array with a Python number in float32.
      return rng.uniform(total).map((x) => (x < keep ? kept : 0));
    }
    case "mixture": {
      const chosen = new Generator([...seed, 1]).integers(spec.means!.length, count);
      const each = total / count;
      const std = Math.fround(spec.std!);
      return normal(rng, total).map((x, i) => {
        const mean = spec.means![chosen[Math.floor(i / each)]!]!.flat()[i % each]!;
        return Math.fround(mean) + Math.fround(std * x);
      });
    }
    default:
      throw new Trouble(`The page cannot draw the input ${name}, of the prior ${spec.prior}.`);
  }
}

/**
 * Noise from each input's prior, and the labels.
 *
 * @param labels class indices, `count` of them, where labels are an input.
 * @param size (height, width) of an image-to-image model's images.
 */
export function noise(
  inputs: Inputs,
  count: number,
  labels: readonly number[],
  seed: number,
  size?: readonly [number, number],
): Tensors {
  const drawn: Tensors = {};
  Object.entries(inputs).forEach(([name, spec], index) => {
    const shape = [count, ...inputShape(spec, size)];
    const data =
      spec.prior === "class"
        ? Int32Array.from(labels)
        : fromPrior(spec, name, [seed, index], count, shape);
    drawn[name] = { data, shape };
  });
  return drawn;
}

/** The classes of `count` pictures: all of one, or, for null, each in its turn. */
export function labelsOf(wanted: number | null, classes: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => wanted ?? (classes ? i % classes : 0));
}
