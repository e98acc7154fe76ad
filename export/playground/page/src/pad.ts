/** A canvas to draw on, by mouse, finger, pen or keyboard, or to drop an image on. */

import { el, slider } from "./dom";
import type { Colour } from "./models";
import { readStrokes, type Stroke, written } from "./strokes";
import { inWords, Trouble } from "./trouble";
import type { View } from "./view";

const SMALLEST = 256; // pixels of the canvas: smaller pictures are drawn enlarged

const hex = ({ colour }: Colour) => colour.map((part) => part.toString(16).padStart(2, "0")).join("");

/** A whole pixel on a side of `size` pixels. */
const inside = (x: number, size: number) => Math.round(Math.min(size, Math.max(0, x)));

/** Loads an image of this site, or one that somebody chose. */
export async function loadImage(source: string | Blob): Promise<HTMLImageElement> {
  const image = new Image();
  image.src = typeof source === "string" ? source : URL.createObjectURL(source);
  try {
    await image.decode();
  } catch {
    const name = typeof source === "string" ? source : ((source as File).name ?? "it");
    throw new Trouble(`This is not an image that the browser can show: ${name}`);
  } finally {
    if (typeof source !== "string") URL.revokeObjectURL(image.src);
  }
  return image;
}

/**
 * @param shape (height, width, channels) of the model's image.
 * @param palette colours to draw with; the first is the background, the second the first pen.
 * @param changed called after each stroke and while one is drawn.
 */
export function pad(view: View, shape: readonly number[], palette: readonly Colour[], changed: () => void) {
  const [height, width, channels] = shape as [number, number, number];
  const scale = Math.ceil(SMALLEST / Math.max(height, width));
  const canvas = el("canvas", {
    class: "large pad", width: width * scale, height: height * scale, tabindex: 0, role: "img",
    "aria-label": "Canvas to draw on. The arrow keys move the pen; with Shift, or by Space, it draws.",
  });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  let colour = hex(palette[1] ?? palette[0]!);
  let brush = Math.round(canvas.width / 12);
  let pen = { x: inside(canvas.width / 2, canvas.width), y: inside(canvas.height / 2, canvas.height) };

  let strokes: Stroke[] | null = []; // null where they lie on an image, which no URL could restore

  function line(to: { x: number; y: number }, brush: number, colour: string): void {
    context.strokeStyle = `#${colour}`;
    context.lineWidth = brush;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(pen.x, pen.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    pen = to;
  }

  function finish(): void {
    view.address.set("drawing", strokes && written(strokes));
    changed();
  }

  /** Draws to a point, as a stroke of its own or as a part of the last one. */
  function draw(to: { x: number; y: number }, begin: boolean): void {
    if (begin) strokes?.push({ colour, brush, points: [pen.x, pen.y] });
    strokes?.at(-1)?.points.push(to.x, to.y);
    line(to, brush, colour);
    finish();
  }

  /** Draws what the URL has; whether it has a drawing. */
  function restore(): boolean {
    const found = readStrokes(view.address.text("drawing"));
    if (!found) return false;
    clear();
    for (const { colour, brush, points } of found) {
      pen = { x: points[0]!, y: points[1]! };
      for (let i = 0; i < points.length; i += 2) line({ x: points[i]!, y: points[i + 1]! }, brush, colour);
    }
    strokes = found;
    finish();
    return true;
  }

  // Where the keyboard's pen is, for those who see it; `view.say` tells the others.
  const dot = el("span", { class: "pen", "aria-hidden": "true", hidden: true });
  function showPen(): void {
    dot.hidden = false;
    const [x, y] = [(100 * pen.x) / canvas.width, (100 * pen.y) / canvas.height];
    dot.style.left = `${x}%`;
    dot.style.top = `${y}%`;
    view.say(`Pen at ${Math.round(x)} across and ${Math.round(y)} down, of 100.`);
  }
  canvas.addEventListener("blur", () => (dot.hidden = true));

  function at(event: PointerEvent): { x: number; y: number } {
    const box = canvas.getBoundingClientRect();
    return {
      x: inside(((event.clientX - box.left) / box.width) * canvas.width, canvas.width),
      y: inside(((event.clientY - box.top) / box.height) * canvas.height, canvas.height),
    };
  }
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    dot.hidden = true;
    pen = at(event);
    draw(pen, true);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) draw(at(event), false);
  });

  const MOVES: Record<string, [number, number]> = {
    ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1],
  };
  canvas.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const step = canvas.width / 28;
    const [dx, dy] = move ?? [0, 0];
    const to = { x: inside(pen.x + dx * step, canvas.width), y: inside(pen.y + dy * step, canvas.height) };
    if (!move || event.shiftKey) draw(to, true);
    else pen = to;
    showPen();
  });

  function clear(): void {
    context.fillStyle = `#${hex(palette[0]!)}`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    strokes = [];
    finish();
  }

  /** Shows an image, cut to the canvas's proportions about its middle. */
  async function show(source: string | Blob): Promise<void> {
    const image = await loadImage(source);
    const ratio = Math.max(canvas.width / image.naturalWidth, canvas.height / image.naturalHeight);
    const [w, h] = [image.naturalWidth * ratio, image.naturalHeight * ratio];
    context.drawImage(image, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
    strokes = null;
    finish();
  }
  const take = (file: Blob | null | undefined) => {
    if (file) show(file).catch((error) => view.say(inWords(error)));
  };
  canvas.addEventListener("dragover", (event) => event.preventDefault());
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer?.files[0]);
  });

  const swatches = palette.map((entry, i) => {
    const button = el("button", {
      type: "button", class: "swatch", "aria-pressed": String(i === Math.min(1, palette.length - 1)),
      "aria-label": entry.name, title: entry.name,
      onclick: () => {
        colour = hex(entry);
        swatches.forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
      },
    });
    button.style.background = `#${hex(entry)}`;
    return button;
  });
  const own = el("input", { type: "color", "aria-label": "A colour of your own", oninput: () => (colour = own.value.slice(1)) });
  const file = el("input", { type: "file", accept: "image/*", onchange: () => take(file.files?.[0]) });
  const colours = channels === 3 ? [...swatches, own] : swatches;
  const element = el("div", {},
    el("div", { class: "under-pen" }, canvas, dot),
    el("div", { class: "row", role: "group", "aria-label": "Colours" }, ...colours),
    slider("Brush", [1, Math.round(canvas.width / 4), 1], brush, (size) => (brush = size)),
    el("div", { class: "row" },
      el("button", { type: "button", onclick: clear }, "Clear"),
      el("label", {}, "Open or drop an image ", file)),
  );
  return { element, canvas, clear, restore, show };
}
