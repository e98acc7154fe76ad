/** The way from one kept picture to another, as an animation and under a slider. */

import { el, slider } from "./dom";
import { path } from "./latent";
import type { Tensor, Tensors } from "./noise";
import { download, paint } from "./pictures";
import type { View } from "./view";

const FRAMES = 32;
const PER_SECOND = 16;

/**
 * @param current the grid's inputs, and the numbers of the kept pictures: the way exists for two.
 * @returns the element, and what to call when either has changed.
 */
export function interpolation(view: View, current: () => [Tensors, readonly number[]]) {
  const canvas = el("canvas", { class: "large", role: "img", "aria-label": "The picture on the way" });
  const hint = el("p", { class: "hint" }, "Keep two pictures of the grid first.");
  let frames: Tensor | null = null;
  let timer = 0;

  const show = (position: number) => {
    if (frames) paint(canvas, frames, Math.round(position * (FRAMES - 1)));
  };
  const move = slider("Position", [0, 1, 0.01], 0, (position) => {
    stop();
    void compute().then(() => show(position)).catch(view.fail);
  });
  const input = move.querySelector("input")!;

  async function compute(): Promise<void> {
    const [inputs, kept] = current();
    if (frames || kept.length !== 2) return;
    frames = await view.runner.run(path(inputs, view.model.inputs, kept[0]!, kept[1]!, FRAMES));
  }

  function stop(): void {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  async function start(): Promise<void> {
    await compute();
    let frame = 0;
    play.textContent = "Stop";
    clearInterval(timer);
    timer = window.setInterval(() => {
      // There and back again.
      const at = frame % (2 * FRAMES - 2);
      const position = Math.min(at, 2 * FRAMES - 2 - at) / (FRAMES - 1);
      input.value = String(position);
      show(position);
      frame++;
    }, 1000 / PER_SECOND);
  }
  view.closed.addEventListener("abort", stop);

  const play = el("button", { type: "button", onclick: () => (timer ? stop() : void start().catch(view.fail)) }, "Play");
  const save = el("button", { type: "button", onclick: () => download([canvas], `${view.model.id}-between.png`) }, "Download PNG");
  const body = el("div", { hidden: true }, canvas, move, el("div", { class: "row" }, play, save));

  function reset(): void {
    stop();
    frames = null;
    const ready = current()[1].length === 2;
    body.hidden = !ready;
    hint.hidden = ready;
    input.value = "0";
    if (ready) void compute().then(() => show(0)).catch(view.fail);
  }
  return { element: el("div", {}, hint, body), reset };
}
