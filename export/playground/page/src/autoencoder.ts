/** An autoencoder: a drawing, its code, and the picture that the decoder makes of the code. */

import { choices, el, part } from "./dom";
import type { GraphFile } from "./models";
import type { Tensor, Tensors } from "./noise";
import { pad } from "./pad";
import { paint, read } from "./pictures";
import { newestOnly, Runner } from "./runner";
import type { View } from "./view";

const SHOWN = 32; // numbers of the code

/** @param file the encoder, which takes `image` and, where it is conditional, `label`. */
export function autoencoderPart(view: View, file: GraphFile): HTMLElement {
  const { model, runner } = view;
  const spec = file.inputs["image"]!;
  const names = model.class_names;
  let label = 0;
  let encoder: Promise<Runner> | null = null; // fetched with the first drawing
  const output = el("canvas", { class: "large", role: "img", "aria-label": "The reconstruction", hidden: true });
  const code = el("p", { class: "code" }, "Nothing is drawn yet.");

  const withLabel = (inputs: Tensors, wanted: object): Tensors =>
    "label" in wanted ? { ...inputs, label: { data: Int32Array.of(label), shape: [1] } } : inputs;

  const draw = newestOnly(async () => {
    encoder ??= Runner.open(file);
    const image = read(drawing.canvas, spec.shape);
    const z: Tensor = await (await encoder).run(withLabel({ image }, file.inputs));
    const images = await runner.run(withLabel({ z }, model.inputs));
    if (view.closed.aborted) return;
    output.hidden = false;
    paint(output, images);
    const numbers = Array.from(z.data.subarray(0, SHOWN), (x) => x.toFixed(2)).join(", ");
    code.textContent = `${numbers}${z.data.length > SHOWN ? `, … (${z.data.length} numbers)` : ""}`;
    document.body.dataset["encoded"] = numbers;
  });
  let started = false;
  const redraw = () => {
    if (started) draw().catch(view.fail);
  };
  view.closed.addEventListener("abort", () => void encoder?.then((open) => open.close()).catch(() => {}));
  const drawing = pad(view, spec.shape, [[0, 0, 0], [255, 255, 255]], redraw);
  started = drawing.restore();
  if (started) redraw();
  else drawing.clear();
  started = true;
  const classes = names.length
    ? [choices("Class of the drawing", names, 0, (index) => { label = index; redraw(); })]
    : [];
  return part("Draw, encode, decode",
    ...classes,
    el("div", { class: "side" },
      el("div", {}, el("h3", {}, "Your drawing"), drawing.element),
      el("div", {}, el("h3", {}, "Code"), code),
      el("div", {}, el("h3", {}, "Reconstruction"), output)));
}
