/** Drawings in the URL. */

import { expect, it } from "vitest";
import { readStrokes, written } from "../src/strokes";

const strokes = [
  { colour: "ff8000", brush: 21, points: [1, 2, 30, 40] },
  { colour: "000000", brush: 3, points: [5, 6] },
];

it("writes a drawing and reads it again", () => {
  expect(written(strokes)).toBe("ff8000.21.1.2.30.40_000000.3.5.6");
  expect(readStrokes(written(strokes))).toEqual(strokes);
  expect(written([])).toBeNull();
});

it("leaves out what is too long for a URL", () => {
  expect(written([{ ...strokes[0]!, points: new Array(2002).fill(100) }])).toBeNull();
});

it.each([null, "", "red.1.2.3", "ff8000.21.1", "ff8000.21.1.2_", "ff8000.21.-1.2", "x".repeat(5000)])(
  "does not read %s",
  (text) => expect(readStrokes(text)).toBeNull(),
);
