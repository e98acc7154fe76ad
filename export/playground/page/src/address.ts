/** The state of the page, which is the URL's hash: a link restores what was seen. */

const DELAY = 200; // milliseconds from a change to the URL that has it

export class Address {
  private values = new URLSearchParams(location.hash.slice(1));
  private timer = 0;

  /** @param changed called where somebody else changes the URL, such as the back button. */
  constructor(changed: () => void) {
    addEventListener("hashchange", () => {
      clearTimeout(this.timer);
      this.values = new URLSearchParams(location.hash.slice(1));
      changed();
    });
  }

  text(key: string): string | null {
    return this.values.get(key);
  }

  /** A whole number from `low` to `high`, or null where the URL has none. */
  integer(key: string, low: number, high: number): number | null {
    const text = this.values.get(key);
    if (text === null || !/^\d{1,16}$/.test(text)) return null;
    const value = Number(text);
    return value >= low && value <= high ? value : null;
  }

  /** `count` numbers between the bounds, or null where the URL has not that many. */
  numbers(key: string, count: number, bound: number): number[] | null {
    const found = this.values.get(key)?.split(",").map(Number);
    if (found?.length !== count || !found.every((x) => Math.abs(x) <= bound)) return null;
    return found;
  }

  set(key: string, value: string | number | readonly number[] | null): void {
    if (value === null) this.values.delete(key);
    else if (typeof value === "object") this.values.set(key, value.map((x) => +x.toFixed(4)).join(","));
    else this.values.set(key, String(value));
    // Not at each step of a slider: Safari refuses a page that changes its URL too often.
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.write(), DELAY);
  }

  private write(): void {
    history.replaceState(null, "", `#${this.values}`);
  }

  /** Forgets all but the model. */
  start(model: string): void {
    this.values = new URLSearchParams();
    this.set("model", model);
  }
}
