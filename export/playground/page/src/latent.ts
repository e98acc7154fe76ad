/** Moving inputs about: along directions, between two pictures, and to values that are chosen. */

import type { Direction, Spec } from "./models";
import type { Tensor, Tensors } from "./noise";

/** Adds `amounts[i]` deviations of each direction to all examples, in place. */
export function push(inputs: Tensors, directions: readonly Direction[], amounts: readonly number[]): void {
  directions.forEach(({ input, vector, deviation }, i) => {
    const data = inputs[input]!.data;
    const amount = amounts[i]! * deviation;
    if (amount) for (let j = 0; j < data.length; j++) data[j]! += amount * vector[j % vector.length]!;
  });
}

/** Gives all examples the same value of an input, in place. */
export function fix({ data }: Tensor, value: readonly number[]): void {
  for (let i = 0; i < data.length; i++) data[i] = value[i % value.length]!;
}

/** Example number `index`, `count` times. */
export function repeated({ data, shape }: Tensor, index: number, count: number): Tensor {
  const each = data.length / shape[0]!;
  const one = data.subarray(index * each, (index + 1) * each);
  const all = data instanceof Int32Array ? new Int32Array(each * count) : new Float32Array(each * count);
  for (let i = 0; i < count; i++) all.set(one, i * each);
  return { data: all, shape: [count, ...shape.slice(1)] };
}

/**
 * `count` steps from one point to another: on the arc between them where the numbers are normal,
 * whose length then stays that of a draw, and on the straight line elsewhere.
 */
export function between(a: ArrayLike<number>, b: ArrayLike<number>, count: number, arc: boolean) {
  const size = a.length;
  const dot = (x: ArrayLike<number>, y: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += x[i]! * y[i]!;
    return sum;
  };
  const lengths = Math.sqrt(dot(a, a) * dot(b, b));
  const angle = lengths ? Math.acos(Math.min(1, Math.max(-1, dot(a, b) / lengths))) : 0;
  const bent = arc && Math.sin(angle) > 1e-3;
  const all = new Float32Array(size * count);
  for (let step = 0; step < count; step++) {
    const t = step / (count - 1);
    const [p, q] = bent
      ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
      : [1 - t, t];
    for (let i = 0; i < size; i++) all[step * size + i] = p * a[i]! + q * b[i]!;
  }
  return all;
}

/** All inputs on the way from example `from` to example `to`; whole numbers stay those of `from`. */
export function path(inputs: Tensors, specs: Record<string, Spec>, from: number, to: number, count: number) {
  const frames: Tensors = {};
  for (const [name, tensor] of Object.entries(inputs)) {
    const prior = specs[name]!.prior;
    if (tensor.data instanceof Int32Array || prior === "mask") {
      frames[name] = repeated(tensor, from, count);
      continue;
    }
    const each = tensor.data.length / tensor.shape[0]!;
    const example = (i: number) => tensor.data.subarray(i * each, (i + 1) * each);
    frames[name] = {
      data: between(example(from), example(to), count, prior === "normal"),
      shape: [count, ...tensor.shape.slice(1)],
    };
  }
  return frames;
}
