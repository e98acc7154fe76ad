/** Builds the page into ../site, with onnxruntime-web's smallest WebAssembly under ort/. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const runtime = fileURLToPath(new URL("node_modules/onnxruntime-web/dist/", import.meta.url));
const RUNTIME_FILES = ["ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

export default defineConfig({
  base: "./", // the page works in any folder of any server
  resolve: {
    // This entry loads the two files from `wasmPaths`; the package's own one has them inside.
    alias: { "onnxruntime-web": `${runtime}ort.wasm.min.mjs` },
  },
  build: {
    outDir: "../site",
    emptyOutDir: true,
    target: "es2022",
    reportCompressedSize: false, // of the runtime, which takes long
    modulePreload: { polyfill: false },
    rollupOptions: {
      output: {
        entryFileNames: "assets/page.js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
  plugins: [
    {
      name: "runtime-files",
      apply: "build",
      generateBundle() {
        for (const name of RUNTIME_FILES) {
          this.emitFile({ type: "asset", fileName: `ort/${name}`, source: readFileSync(runtime + name) });
        }
      },
    },
  ],
  test: { include: ["tests/**/*.test.ts"] },
});
