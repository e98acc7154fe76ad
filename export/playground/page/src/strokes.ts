/** A drawing as a short text, for the URL: COLOUR.BRUSH.X.Y.X.Y for each stroke, joined by "_". */

const LONGEST = 4000; // letters; servers and chats cut longer addresses

export interface Stroke {
  colour: string; // six hexadecimal digits
  brush: number; // pixels of the canvas
  points: number[]; // x, y, x, y: whole pixels of the canvas
}

/** The text, or null where it would be too long for a URL or there is nothing to write. */
export function written(strokes: readonly Stroke[]): string | null {
  const text = strokes.map(({ colour, brush, points }) => [colour, brush, ...points].join(".")).join("_");
  return text && text.length <= LONGEST ? text : null;
}

/** The strokes of a text, or null where it is not a drawing. */
export function readStrokes(text: string | null): Stroke[] | null {
  if (!text || text.length > LONGEST) return null;
  const strokes: Stroke[] = [];
  for (const part of text.split("_")) {
    if (!/^[0-9a-f]{6}\.\d{1,4}(\.\d{1,4}\.\d{1,4})+$/.test(part)) return null;
    const [colour, brush, ...points] = part.split(".");
    strokes.push({ colour: colour!, brush: Number(brush), points: points.map(Number) });
  }
  return strokes;
}
