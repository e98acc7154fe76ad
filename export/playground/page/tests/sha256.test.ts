/** SHA-256 against Node's own, around the lengths where blocks end. */

import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { sha256 } from "../src/sha256";

it.each([0, 3, 55, 56, 63, 64, 65, 119, 120, 1000])("hashes %i bytes", (length) => {
  const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 255);
  expect(sha256(bytes)).toBe(createHash("sha256").update(bytes).digest("hex"));
});
