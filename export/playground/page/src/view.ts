/** What each view of a model is given. */

import type { Address } from "./address";
import type { GraphFile, Model } from "./models";
import { Runner } from "./runner";

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

/** A graph beside the model's own, fetched when it is first asked for and closed with the view. */
export function openedOnce(view: View, file: GraphFile): () => Promise<Runner> {
  let runner: Promise<Runner> | null = null;
  view.closed.addEventListener("abort", () => void runner?.then((open) => open.close()).catch(() => {}));
  return () => (runner ??= Runner.open(file));
}

/** How long drawing took, per picture. */
export function perPicture(milliseconds: number, count: number): string {
  return `${(milliseconds / count).toFixed(1)} ms per picture`;
}
