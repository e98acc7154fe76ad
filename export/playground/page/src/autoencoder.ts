/** An autoencoder: a drawing, its code, and the picture that the decoder makes of the code. */

import { choices, el, part } from "./dom";
import { BLACK, type GraphFile, WHITE } from "./models";
import type { Tensor, Tensors } from "./noise";
import { pad } from "./pad";
import { paint, read } from "./pictures";
import { newestOnly } from "./runner";
import { openedOnce, type View } from "./view";

const SHOWN = 32; // numbers of the code

/** @param file the encoder, which takes `image` and, where it is conditional, `label`. */
export function autoencoderPart(view: View, file: GraphFile): HTMLElement {
  const { model, runner } = view;
  const spec = file.inputs["image"]!;
  const names = model.class_names;
  let label = 0;
  const encoder = openedOnce(view, file);
  const classifier = model.classifier && openedOnce(view, model.classifier);
  const output = el("canvas", { class: "large", role: "img", "aria-label": "The reconstruction", hidden: true });
  const verdict = el("p", { "aria-live": "polite" });
  const code = el("p", { class: "code" }, "Nothing is drawn yet.");

  const withLabel = (inputs: Tensors, wanted: object): Tensors =>
    "label" in wanted ? { ...inputs, label: { data: Int32Array.of(label), shape: [1] } } : inputs;

  const draw = newestOnly(async () => {
    const image = read(drawing.canvas, spec.shape);
    const classes = classifier && (await (await classifier()).run({ image }));
    if (classes) label = classes.data.indexOf(Math.max(...classes.data));
    const z: Tensor = await (await encoder()).run(withLabel({ image }, file.inputs));
    const images = await runner.run(withLabel({ z }, model.inputs));
    if (view.closed.aborted) return;
    output.hidden = false;
    paint(output, images);
    const numbers = Array.from(z.data.subarray(0, SHOWN), (x) => x.toFixed(2)).join(", ");
    code.textContent = `${numbers}${z.data.length > SHOWN ? `, … (${z.data.length} numbers)` : ""}`;
    if (classes) {
      const percent = (100 * classes.data[label]!).toFixed(0);
      verdict.textContent = `The classifier says ${names[label] ?? label}, ${percent} %.`;
    }
    document.body.dataset["encoded"] = numbers;
  });
  let started = false;
  const redraw = () => {
    if (started) draw().catch(view.fail);
  };
  const drawing = pad(view, spec.shape, [BLACK, WHITE], redraw);
  started = drawing.restore();
  if (started) redraw();
  else drawing.clear();
  started = true;
  // A class that nobody names is the classifier's to find.
  const classes = names.length && !classifier
    ? [choices("Class of the drawing", names, 0, (index) => { label = index; redraw(); })]
    : [];
  return part("Draw, encode, decode",
    ...classes,
    el("div", { class: "side" },
      el("div", {}, el("h3", {}, "Your drawing"), drawing.element, verdict),
      el("div", {}, el("h3", {}, "Code"), code),
      el("div", {}, el("h3", {}, "Reconstruction"), output)));
}
