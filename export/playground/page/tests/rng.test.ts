/** The page's random numbers against those that numpy wrote into numbers.json. */

import { crc32 } from "node:zlib";
import { describe, expect, it } from "vitest";
import { Generator, seedWords } from "../src/rng";
import { normal, tables } from "../src/ziggurat";
import numbers from "./numbers.json";

const bits = (floats: Float32Array) => Array.from(new Uint32Array(floats.buffer));

describe.each(numbers)("default_rng($entropy)", (drawn) => {
  const entropy = drawn.entropy.map(BigInt);

  it("hashes the seed as SeedSequence does", () => {
    expect(seedWords(entropy, 8)).toEqual(drawn.words);
  });

  it("draws the same normal numbers", () => {
    expect(bits(normal(new Generator(entropy), 40))).toEqual(drawn.normal);
    const many = normal(new Generator(entropy), drawn.count);
    const isTail = (x: number) => Math.abs(x) > 3.65;
    const tail = Array.from(many.keys()).filter((i) => isTail(many[i]!));
    expect(tail).toEqual(drawn.tail);
    const rest = many.filter((x) => !isTail(x));
    expect(crc32(new Uint8Array(rest.buffer))).toBe(drawn.crc32);
  });

  it("draws the same uniform numbers", () => {
    expect(bits(new Generator(entropy).uniform(40))).toEqual(drawn.uniform);
  });

  it("draws the same bounded integers", () => {
    for (const [bound, expected] of Object.entries(drawn.integers)) {
      expect(Array.from(new Generator(entropy).integers(Number(bound), 40))).toEqual(expected);
    }
    expect(Array.from(new Generator(entropy).integers(7, 40))).toEqual(drawn.long_integers);
  });
});

it("refuses a seed below 0", () => {
  expect(() => new Generator([-1, 0])).toThrow("A seed must be an integer from 0. Received: -1");
});

it("computes the tables of the ziggurat", () => {
  // The bottom layer ends at 3.65..., the density there is exp(-r**2 / 2).
  expect(tables.height[0]).toBe(1);
  expect(tables.height[255]).toBeCloseTo(Math.exp(-0.5 * 3.6541528853610088 ** 2), 9);
  expect(tables.width[255]! * 2 ** 23).toBeCloseTo(3.6541528853610088, 6);
  expect(tables.inside[1]).toBe(0);
});
