/**
 * numpy's `default_rng([seed, index])`: SeedSequence, PCG64, float32 uniform and bounded integers.
 *
 * The page draws the same pictures as `generate` does, so each number here is numpy's own, bit for
 * bit. The tests compare them with numbers that numpy wrote.
 */

const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const PCG_MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;
const POOL = 4;

/** The 32-bit words of a whole number from 0, the lowest first; one word for zero. */
function words(value: number | bigint): number[] {
  let rest = BigInt(value);
  if (rest < 0n) throw new RangeError(`A seed must be an integer from 0. Received: ${value}`);
  const found: number[] = [];
  do {
    found.push(Number(rest & 0xffffffffn));
    rest >>= 32n;
  } while (rest > 0n);
  return found;
}

/** SeedSequence's hash: each call changes the constant that the next one uses. */
function hasher(constant: number, multiplier: number): (value: number) => number {
  return (value) => {
    const mixed = value ^ constant;
    constant = Math.imul(constant, multiplier);
    const product = Math.imul(mixed, constant);
    return (product ^ (product >>> 16)) >>> 0;
  };
}

function mix(x: number, y: number): number {
  const result = (Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y)) | 0;
  return (result ^ (result >>> 16)) >>> 0;
}

/** `SeedSequence(entropy).generate_state(count, "uint32")`. */
export function seedWords(entropy: readonly (number | bigint)[], count: number): number[] {
  const given = entropy.flatMap(words);
  const hash = hasher(0x43b0d7e5, 0x931e8875);
  const pool: number[] = [];
  for (let i = 0; i < POOL; i++) pool.push(hash(given[i] ?? 0));
  for (let from = 0; from < POOL; from++) {
    for (let to = 0; to < POOL; to++) {
      if (from !== to) pool[to] = mix(pool[to]!, hash(pool[from]!));
    }
  }
  for (const word of given.slice(POOL)) {
    for (let to = 0; to < POOL; to++) pool[to] = mix(pool[to]!, hash(word));
  }
  const output = hasher(0x8b51f9dd, 0x58f38ded);
  return Array.from({ length: count }, (_, i) => output(pool[i % POOL]!));
}

/** PCG64 seeded as `numpy.random.default_rng(entropy)` seeds it. */
export class Generator {
  private state: bigint;
  private readonly increment: bigint;
  private kept: number | null = null;

  constructor(entropy: readonly (number | bigint)[]) {
    const seeds = seedWords(entropy, 8).map(BigInt);
    const wide = (i: number) => seeds[2 * i]! | (seeds[2 * i + 1]! << 32n);
    this.increment = (((wide(2) << 64n) | wide(3)) << 1n | 1n) & MASK128;
    this.state = this.increment;
    this.state += (wide(0) << 64n) | wide(1);
    this.step();
  }

  private step(): void {
    this.state = (this.state * PCG_MULTIPLIER + this.increment) & MASK128;
  }

  private next64(): bigint {
    this.step();
    const rotation = this.state >> 122n;
    const folded = (this.state >> 64n) ^ (this.state & MASK64);
    return ((folded >> rotation) | (folded << (64n - rotation))) & MASK64;
  }

  /** 32 random bits: the low half of 64, then, at the next call, the high half. */
  next32(): number {
    if (this.kept !== null) {
      const high = this.kept;
      this.kept = null;
      return high;
    }
    const both = this.next64();
    this.kept = Number(both >> 32n);
    return Number(both & 0xffffffffn);
  }

  /** One float32 in [0, 1), of 24 random bits. */
  float(): number {
    return (this.next32() >>> 8) / 16777216;
  }

  /** `random(count, "float32")`. */
  uniform(count: number): Float32Array<ArrayBuffer> {
    return Float32Array.from({ length: count }, () => this.float());
  }

  /** `integers(bound, size=count)` for a bound from 1 to 2**32 - 1, by Lemire's method. */
  integers(bound: number, count: number): Int32Array<ArrayBuffer> {
    if (bound === 1) return new Int32Array(count); // numpy draws nothing for a single value
    const wide = BigInt(bound);
    const threshold = (0x100000000n - wide) % wide;
    return Int32Array.from({ length: count }, () => {
      let product: bigint;
      do product = BigInt(this.next32()) * wide;
      while ((product & 0xffffffffn) < threshold);
      return Number(product >> 32n);
    });
  }
}
