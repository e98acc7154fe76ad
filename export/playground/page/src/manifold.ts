/** A map of all that a generator of two latent numbers draws, to drag over. */

import { el, part } from "./dom";
import { fix } from "./latent";
import { labelsOf, noise, type Tensors } from "./noise";
import { joined, paint } from "./pictures";
import { newestOnly } from "./runner";
import type { View } from "./view";

const SIDE = 9; // pictures along each side of the map, one of them in the middle

/** @param label gives the class that the grid shows, where there are classes. */
export function manifoldPart(view: View, label: () => number | null): { element: HTMLElement; reset(): void } {
  const { model, runner, address } = view;
  const spec = model.inputs["z"]!;
  const reach =
    spec.prior === "uniform" ? 1
      : spec.prior === "mixture" ? Math.max(...spec.means!.flat().map(Math.abs)) + 2 * spec.std!
        : 3;
  let z = address.numbers("z", 2, reach) ?? [0, 0];
  const map = el("canvas", {
    class: "large pad", tabindex: 0, role: "img",
    "aria-label": "Map of the latent space. The arrow keys move the point.",
  });
  const picture = el("canvas", { class: "large", role: "img", "aria-label": "The picture at the point" });
  const place = el("output", {});

  function inputs(count: number): Tensors {
    return noise(model.inputs, count, labelsOf(label() ?? 0, model.class_names.length, count), 0);
  }

  const drawMap = newestOnly(async () => {
    const all = inputs(SIDE * SIDE);
    const steps = Array.from({ length: SIDE }, (_, i) => reach * ((2 * (i + 0.5)) / SIDE - 1));
    fix(all["z"]!, steps.flatMap((y) => steps.flatMap((x) => [x, -y])));
    const images = await runner.run(all);
    if (view.closed.aborted) return;
    const tiles = Array.from({ length: SIDE * SIDE }, (_, i) => {
      const tile = document.createElement("canvas");
      paint(tile, images, i);
      return tile;
    });
    const whole = joined(tiles);
    map.width = whole.width;
    map.height = whole.height;
    map.getContext("2d")!.drawImage(whole, 0, 0);
  });

  const drawPoint = newestOnly(async () => {
    const one = inputs(1);
    fix(one["z"]!, z);
    const images = await runner.run(one);
    if (view.closed.aborted) return;
    paint(picture, images);
    place.textContent = `z = ${z.map((x) => x.toFixed(2)).join(", ")}`;
    document.body.dataset["point"] = place.textContent;
  });

  function go(x: number, y: number): void {
    const clip = (value: number) => Math.min(reach, Math.max(-reach, value));
    z = [clip(x), clip(y)];
    address.set("z", z);
    drawPoint().catch(view.fail);
  }
  const follow = (event: PointerEvent) => {
    const box = map.getBoundingClientRect();
    const part = (at: number, from: number, size: number) => reach * ((2 * (at - from)) / size - 1);
    go(part(event.clientX, box.left, box.width), -part(event.clientY, box.top, box.height));
  };
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    follow(event);
  });
  map.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) follow(event);
  });
  map.addEventListener("keydown", (event) => {
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    go(z[0]! + (move[0] * reach) / 30, z[1]! + (move[1] * reach) / 30);
  });

  const element = part("The whole latent space",
    el("div", { class: "side" },
      el("div", {}, map, el("p", { class: "hint" }, "Drag over the map, or use the arrow keys.")),
      el("div", {}, picture, el("p", {}, place))));
  const reset = () => {
    drawMap().catch(view.fail);
    drawPoint().catch(view.fail);
  };
  return { element, reset };
}
