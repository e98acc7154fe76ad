/** What each view of a model is given. */

import type { Address } from "./address";
import type { Model } from "./models";
import type { Runner } from "./runner";

export interface View {
  model: Model;
  runner: Runner;
  address: Address;
  /** Tells a message to those who see it and to screen readers. */
  say(message: string): void;
  /** Shows an error in words. */
  fail(error: unknown): void;
  /** Aborted when another model is shown: animations end, and late results are dropped. */
  closed: AbortSignal;
}

/** How long drawing took, per picture. */
export function perPicture(milliseconds: number, count: number): string {
  return `${(milliseconds / count).toFixed(1)} ms per picture`;
}
