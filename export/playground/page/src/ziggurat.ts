/**
 * numpy's float32 normal numbers: the ziggurat of 256 layers, whose tables are computed here.
 *
 * One number in four thousand comes from the tail, by a logarithm whose last bit differs between
 * C libraries, and so between numpy's own builds. Here it is rounded correctly.
 */

import type { Generator } from "./rng";

const EDGE = 3.6541528853610088; // where the tail begins
const AREA = 0.004928673233974655; // of each layer, and of the lowest one with the tail
const STEPS = 2 ** 23; // one layer's width, in the units of the random integer

const density = (x: number) => Math.exp(-0.5 * x * x);

const inside = new Uint32Array(256); // below it, a point lies surely under the curve
const width = new Float32Array(256); // of a layer, per step
const height = new Float32Array(256); // of the curve at a layer's outer edge

function fillTables(): void {
  const edges = new Float64Array(256);
  edges[255] = EDGE;
  for (let i = 254; i > 0; i--) {
    edges[i] = Math.sqrt(-2 * Math.log(density(edges[i + 1]!) + AREA / edges[i + 1]!));
  }
  const base = AREA / density(EDGE); // the lowest layer's width as if it had no tail
  for (let i = 0; i < 256; i++) {
    const outer = i === 0 ? base : edges[i]!;
    const inner = i === 0 ? EDGE : edges[i - 1]!;
    inside[i] = (inner / outer) * STEPS;
    width[i] = outer / STEPS;
    height[i] = density(edges[i]!);
  }
}

fillTables();

/** The tables, for the tests. */
export const tables = { inside, width, height };

const f = Math.fround;

function tail(rng: Generator, negative: boolean): number {
  for (;;) {
    const x = f(-f(1 / EDGE) * f(Math.log1p(-rng.float())));
    const y = f(-f(Math.log1p(-rng.float())));
    if (f(y + y) > f(x * x)) return negative ? -f(f(EDGE) + x) : f(f(EDGE) + x);
  }
}

function one(rng: Generator): number {
  for (;;) {
    const bits = rng.next32();
    const layer = bits & 0xff;
    const steps = bits >>> 9;
    const size = f(steps * width[layer]!);
    const x = bits & 0x100 ? -size : size;
    if (steps < inside[layer]!) return x;
    if (layer === 0) return tail(rng, Boolean(steps & 0x100));
    const rise = f(height[layer - 1]! - height[layer]!);
    if (f(f(rise * rng.float()) + height[layer]!) < density(x)) return x;
  }
}

/** `standard_normal(count, "float32")`. */
export function normal(rng: Generator, count: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => one(rng));
}
