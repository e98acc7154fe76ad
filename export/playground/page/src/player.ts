/** Frames as an animation and under a slider: an interpolation, or the steps of a drawing. */

import { el, slider } from "./dom";
import type { Tensor } from "./noise";
import { download, paint } from "./pictures";
import type { View } from "./view";

const PER_SECOND = 16;

export interface Player {
  element: HTMLElement;
  /** Forgets the frames, because what they come from has changed, and shows the first anew. */
  reset(): void;
}

/**
 * @param name of what is played, for screen readers and the file to save.
 * @param compute gives frames (n, height, width, channels); called once after each reset.
 */
export function player(view: View, name: string, compute: () => Promise<Tensor>, perSecond = PER_SECOND): Player {
  const canvas = el("canvas", { class: "large", role: "img", "aria-label": name });
  let frames: Promise<Tensor> | null = null;
  let timer = 0;

  async function show(position: number): Promise<void> {
    const mine = (frames ??= compute());
    const images = await mine;
    if (mine !== frames || view.closed.aborted) return; // of inputs that have changed since
    paint(canvas, images, Math.round(position * (images.shape[0]! - 1)));
  }

  const move = slider("Position", [0, 1, 0.01], 0, (position) => {
    stop();
    show(position).catch(view.fail);
  });
  const input = move.querySelector("input")!;
  const shown = move.querySelector("output")!;

  function place(position: number): void {
    input.value = String(position);
    shown.textContent = position.toFixed(2);
    show(position).catch(view.fail);
  }

  function stop(): void {
    clearInterval(timer);
    timer = 0;
    play.textContent = "Play";
  }

  async function start(): Promise<void> {
    const last = (await (frames ??= compute())).shape[0]! - 1;
    let frame = 0;
    play.textContent = "Stop";
    clearInterval(timer);
    timer = window.setInterval(() => {
      const at = frame++ % (2 * last || 1); // there and back again
      place(Math.min(at, 2 * last - at) / (last || 1));
    }, 1000 / perSecond);
  }
  view.closed.addEventListener("abort", () => clearInterval(timer));

  const toggle = () => (timer ? stop() : void start().catch(view.fail));
  const play = el("button", { type: "button", onclick: toggle }, "Play");
  const save = () => download([canvas], `${view.model.id}-${name.toLowerCase().replaceAll(" ", "-")}.png`);
  const buttons = el("div", { class: "row" }, play, el("button", { type: "button", onclick: save }, "Download PNG"));

  function reset(): void {
    stop();
    frames = null;
    place(0);
  }
  return { element: el("div", {}, canvas, move, buttons), reset };
}
