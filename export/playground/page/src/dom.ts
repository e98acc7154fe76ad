/** Elements of the page. Text only ever becomes text: no name is read as HTML. */

type Attributes = Record<string, string | number | boolean | ((event: never) => void)>;

/** An element with attributes, listeners (by names such as "onclick"), and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value as EventListener);
    } else if (value !== false) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children);
  return element;
}

/** A part of the page with a heading of its own. */
export function part(title: string, ...children: (Node | string)[]): HTMLElement {
  return el("section", {}, el("h2", {}, title), ...children);
}

/** A row of buttons of which one is chosen. */
export function choices(
  title: string,
  names: readonly string[],
  chosen: number,
  choose: (index: number) => void,
): HTMLElement {
  const buttons = names.map((name, index) =>
    el("button", { type: "button", "aria-pressed": String(index === chosen), onclick: () => pick(index) }, name),
  );
  const pick = (index: number) => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === index)));
    choose(index);
  };
  return el("fieldset", { class: "choices" }, el("legend", {}, title), ...buttons);
}

/** A slider with its name and its value beside it. */
export function slider(
  name: string,
  [low, high, step]: readonly [number, number, number],
  value: number,
  move: (value: number) => void,
): HTMLElement {
  const digits = Number.isInteger(step) ? 0 : 2;
  const shown = el("output", {}, value.toFixed(digits));
  const input = el("input", {
    type: "range", min: low, max: high, step, value,
    oninput: () => {
      shown.textContent = Number(input.value).toFixed(digits);
      move(Number(input.value));
    },
  });
  return el("label", { class: "slider" }, el("span", {}, name), input, shown);
}
