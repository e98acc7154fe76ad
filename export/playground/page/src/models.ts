/** What models.json says about each model, and how it is read. */

import { Trouble } from "./trouble";

/** One input of a graph, as the exported file describes it; `shape` is that of one example. */
export interface Spec {
  shape: number[];
  dtype: string;
  prior?: string;
  classes?: number; // of "class" and "category"
  keep?: number; // of "mask": the fraction that stays
  means?: number[][]; // of "mixture"
  std?: number; // of "mixture"
  multiple?: number; // an image to translate, whose sides are a multiple of it
  divisor?: number; // a mask, of the image's size divided by it
}

export type Inputs = Record<string, Spec>;

export interface GraphFile {
  file: string;
  sha256: string;
  inputs: Inputs;
  output: string;
}

/** A direction of the latent space: `vector` has length 1, `deviation` is the prior's along it. */
export interface Direction {
  input: string;
  vector: number[];
  deviation: number;
}

/** What a colour stands for, and the colour: red, green and blue, to 255. */
export interface Colour {
  name: string;
  colour: [number, number, number];
}

export const BLACK: Colour = { name: "black", colour: [0, 0, 0] };
export const WHITE: Colour = { name: "white", colour: [255, 255, 255] };

export interface Model extends GraphFile {
  id: string;
  title: string;
  model: string;
  dataset: string;
  kind: "generator" | "translator";
  licence: string | null;
  bytes: number;
  facts: [string, string][];
  encoder: GraphFile | null;
  classifier: GraphFile | null;
  steps: GraphFile | null; // whose output is (n, steps, height, width, channels) in [0, 1]
  class_names: string[];
  directions: Direction[];
  manifold: boolean;
  codes: string[];
  palette: Colour[] | null; // of a translator's input, the background's first
  example?: string | null;
  real: string[];
}

/** The models of this site. */
export async function readModels(): Promise<Model[]> {
  let answer: Response;
  try {
    answer = await fetch("models.json");
  } catch {
    throw new Trouble(
      "The list of models could not be loaded. The page must come from a web server, such as " +
        "the one that `playground --serve` starts.",
    );
  }
  if (!answer.ok) throw new Trouble(`models.json is missing: the server answered ${answer.status}.`);
  let list: { format?: unknown; models?: unknown };
  try {
    list = await answer.json();
  } catch {
    throw new Trouble("models.json is damaged: it is not JSON.");
  }
  if (list.format !== 1 || !Array.isArray(list.models)) {
    throw new Trouble("models.json is not of format 1, the one that this page reads.");
  }
  if (!list.models.length) throw new Trouble("This playground has no model.");
  // Only a graph that takes labels has classes to choose from, whatever its dataset has.
  return (list.models as Model[]).map((model) =>
    "label" in model.inputs ? model : { ...model, class_names: [] },
  );
}
