/** An ONNX file in the browser: fetched, compared with its checksum, and run by onnxruntime-web. */

import * as ort from "onnxruntime-web";
import type { GraphFile } from "./models";
import type { Tensor, Tensors } from "./noise";
import { sha256 } from "./sha256";
import { Trouble } from "./trouble";

ort.env.wasm.wasmPaths = new URL("ort/", document.baseURI).href;
ort.env.logLevel = "error";

/** Fetches a file of this site, and refuses one that is missing or not the one described. */
export async function fetchChecked(file: string, expected: string) {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const answer = await fetch(file);
    if (!answer.ok) throw new Trouble(`${file} is missing: the server answered ${answer.status}.`);
    bytes = new Uint8Array(await answer.arrayBuffer());
  } catch (error) {
    if (error instanceof Trouble || error instanceof RangeError) throw error;
    throw new Trouble(`${file} could not be loaded: the connection failed.`);
  }
  if (sha256(bytes) !== expected) {
    throw new Trouble(
      `${file} is damaged: its checksum is not the one in models.json. Load the page again, or ` +
        "write the site anew.",
    );
  }
  return bytes;
}

export class Runner {
  /** Milliseconds that the last run took. */
  milliseconds = 0;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly session: ort.InferenceSession,
    private readonly graph: GraphFile,
  ) {}

  static async open(graph: GraphFile): Promise<Runner> {
    if (typeof WebAssembly !== "object") {
      throw new Trouble(
        "This browser has no WebAssembly, by which the models run. Current versions of Firefox, " +
          "Chrome, Edge and Safari have it, unless it is switched off.",
      );
    }
    const bytes = await fetchChecked(graph.file, graph.sha256);
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ["wasm"] });
    return new Runner(session, graph);
  }

  /** The output of the graph that models.json names. */
  run(inputs: Tensors): Promise<Tensor> {
    // One after the other: the parts of the page share a session.
    const result = this.last.then(() => this.runNow(inputs));
    this.last = result.catch(() => {});
    return result;
  }

  private async runNow(inputs: Tensors): Promise<Tensor> {
    const feeds: Record<string, ort.Tensor> = {};
    for (const [name, { data, shape }] of Object.entries(inputs)) {
      feeds[name] =
        data instanceof Int32Array
          ? new ort.Tensor("int32", data, shape)
          : new ort.Tensor("float32", data, shape);
    }
    const start = performance.now();
    const results = await this.session.run(feeds, [this.graph.output]);
    this.milliseconds = performance.now() - start;
    const result = results[this.graph.output]!;
    return { data: result.data as Float32Array<ArrayBuffer>, shape: [...result.dims] };
  }

  async close(): Promise<void> {
    await this.last;
    await this.session.release();
  }
}

/**
 * Runs a job so that calls while it runs become one more run after it: a slider that moves faster
 * than the model draws shows the newest position.
 */
export function newestOnly(job: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let again = false;
  return () => {
    again = true;
    running ??= (async () => {
      try {
        while (again) {
          again = false;
          await job();
        }
      } finally {
        running = null;
      }
    })();
    return running;
  };
}
