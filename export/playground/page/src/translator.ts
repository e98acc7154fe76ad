/** A translator: a canvas to draw on, and beside it what the model makes of the drawing. */

import { el } from "./dom";
import { BLACK, WHITE } from "./models";
import { noise } from "./noise";
import { pad } from "./pad";
import { download, paint, read } from "./pictures";
import { newestOnly } from "./runner";
import type { View } from "./view";

export async function translatorView(view: View): Promise<HTMLElement[]> {
  const { model, runner } = view;
  const [name, spec] = Object.entries(model.inputs).find(([, spec]) => spec.multiple)!;
  const seed = view.address.integer("seed", 0, Number.MAX_SAFE_INTEGER) ?? 0;
  const others = noise(model.inputs, 1, [], seed, [spec.shape[0]!, spec.shape[1]!]);
  const output = el("canvas", { class: "large", role: "img", "aria-label": "What the model makes of it" });
  const speed = el("p", { class: "speed" });

  const draw = newestOnly(async () => {
    const image = read(drawing.canvas, spec.shape);
    const images = await runner.run({ ...others, [name]: image });
    if (view.closed.aborted) return;
    paint(output, images);
    speed.textContent = `${runner.milliseconds.toFixed(0)} ms per picture`;
    document.body.dataset["drawn"] = model.id;
  });
  const palette = model.palette ?? [WHITE, BLACK];
  const drawing = pad(view, spec.shape, palette, () => void draw().catch(view.fail));
  const examples = model.example
    ? [el("button", { type: "button", onclick: () => void drawing.show(model.example!).catch(view.fail) }, "Example")]
    : [];
  if (!drawing.restore()) {
    drawing.clear();
    if (model.example) await drawing.show(model.example);
  }
  await draw();
  const save = () => download([output], `${model.id}.png`);
  return [
    el("div", { class: "side" },
      el("div", {}, el("h2", {}, "Draw"), drawing.element, ...examples),
      el("div", {}, el("h2", {}, "Output"), output, speed,
        el("button", { type: "button", onclick: save }, "Download PNG"))),
  ];
}
