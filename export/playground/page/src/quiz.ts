/** "Real or drawn?": pictures of the model among real ones, and how often the guess is right. */

import { el, part } from "./dom";
import { labelsOf, noise } from "./noise";
import { loadImage } from "./pad";
import { paint } from "./pictures";
import type { View } from "./view";

export function quizPart(view: View): HTMLElement {
  const { model, runner } = view;
  const canvas = el("canvas", { class: "large", role: "img", "aria-label": "Real or drawn?" });
  const score = el("p", { role: "status" });
  let real = false;
  let right = 0;
  let asked = 0;

  async function next(): Promise<void> {
    buttons.forEach((button) => (button.disabled = true));
    real = Math.random() < 0.5;
    if (real) {
      const image = await loadImage(model.real[Math.floor(Math.random() * model.real.length)]!);
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      canvas.getContext("2d")!.drawImage(image, 0, 0);
    } else {
      const classes = model.class_names.length;
      const label = classes ? Math.floor(Math.random() * classes) : null;
      const seed = Math.floor(Math.random() * 2 ** 32);
      const images = await runner.run(noise(model.inputs, 1, labelsOf(label, classes, 1), seed));
      paint(canvas, images);
    }
    buttons.forEach((button) => (button.disabled = false));
  }

  function answer(saysReal: boolean): void {
    asked++;
    if (saysReal === real) right++;
    const verdict = saysReal === real ? "Right" : "Wrong";
    score.textContent = `${verdict}: it was ${real ? "real" : "drawn"}. ${right} of ${asked} right.`;
    const focused = document.activeElement as HTMLElement | null;
    next().then(() => focused?.focus()).catch(view.fail);
  }
  const buttons = [true, false].map((saysReal) =>
    el("button", { type: "button", onclick: () => answer(saysReal) }, saysReal ? "Real" : "Drawn"),
  );
  next().catch(view.fail);
  return part("Real or drawn?", canvas, el("div", { class: "row" }, ...buttons), score);
}
