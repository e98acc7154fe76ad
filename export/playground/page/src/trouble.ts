/** Errors in words, for whoever looks at the page. */

/** An error whose message can be shown as it is. */
export class Trouble extends Error {}

/** What to show for any error. */
export function inWords(error: unknown): string {
  if (error instanceof Trouble) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError || /out of memory|bad_alloc|OOM|allocation failed/i.test(text)) {
    return "The browser ran out of memory. Closing other tabs, or a smaller model, may help.";
  }
  if (/no available backend|wasm.*(fetch|instantiate|import)|dynamically imported/i.test(text)) {
    return "The runtime under ort/ could not be started: one of its two files is missing or damaged.";
  }
  return `Something failed: ${text.split("\n")[0]}`;
}
