/** Pictures between the models' numbers and the page's canvases. */

import type { Tensor } from "./noise";

/** Draws picture number `index` of (n, height, width, channels) in [0, 1] at its own size. */
export function paint(canvas: HTMLCanvasElement, images: Tensor, index = 0): void {
  const [, height, width, channels] = images.shape as [number, number, number, number];
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pixels = new ImageData(width, height);
  let from = index * height * width * channels;
  for (let to = 0; to < pixels.data.length; to += 4, from += channels) {
    for (let c = 0; c < 3; c++) {
      pixels.data[to + c] = Math.round(255 * images.data[from + (channels === 3 ? c : 0)]!);
    }
    pixels.data[to + 3] = 255;
  }
  canvas.getContext("2d")!.putImageData(pixels, 0, 0);
}

/** What a canvas shows, as one picture of `shape` (height, width, channels) in [0, 1]. */
export function read(canvas: HTMLCanvasElement, shape: readonly number[]): Tensor {
  const [height, width, channels] = shape as [number, number, number];
  const small = document.createElement("canvas");
  small.width = width;
  small.height = height;
  const context = small.getContext("2d")!;
  context.imageSmoothingQuality = "high";
  context.drawImage(canvas, 0, 0, width, height);
  const pixels = context.getImageData(0, 0, width, height).data;
  const data = new Float32Array(height * width * channels);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const [r, g, b] = [0, 1, 2].map((c) => pixels[4 * pixel + c]! / 255) as [number, number, number];
    if (channels === 3) data.set([r, g, b], 3 * pixel);
    else data[pixel] = 0.299 * r + 0.587 * g + 0.114 * b; // the weights by which Pillow makes grey
  }
  return { data, shape: [1, height, width, channels] };
}

/** One canvas with all of some canvases of one size, in a square or nearly. */
export function joined(canvases: readonly HTMLCanvasElement[]): HTMLCanvasElement {
  const columns = Math.ceil(Math.sqrt(canvases.length));
  const { width, height } = canvases[0]!;
  const all = document.createElement("canvas");
  all.width = columns * width;
  all.height = Math.ceil(canvases.length / columns) * height;
  const context = all.getContext("2d")!;
  canvases.forEach((canvas, i) => {
    context.drawImage(canvas, (i % columns) * width, Math.floor(i / columns) * height);
  });
  return all;
}

/** Saves what canvases show as one PNG file. */
export function download(canvases: readonly HTMLCanvasElement[], name: string): void {
  joined(canvases).toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob!);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
