/** LiteRT.js behind a small interface. Runs in a classic worker: the engine's loader needs `importScripts`. */

import { type CompiledModel, Tensor, getDefaultEnvironment, loadAndCompile, loadLiteRt } from "@litertjs/core";
import { expandHalf } from "./half";

export type Accelerator = "wasm" | "webgpu";
export type Feeds = Record<string, Float32Array>;

export interface Placement {
  accelerator: Accelerator;
  threads: number;
}

interface EngineModule {
  wasmBinary: ArrayBuffer;
  mainScriptUrlOrBlob: string;
}

let threadsLoaded = 0;

/**
 * Load the engine from `folder` once. With `threads` above 1 the page must be cross-origin isolated; otherwise the
 * single-threaded SIMD build is taken, which runs in every browser that has WebAssembly SIMD.
 */
export async function loadEngine(folder: string, threads: number): Promise<void> {
  if (threadsLoaded) return;
  const script = `${folder}litert_wasm_${threads > 1 ? "threaded" : "compat"}_internal.js`;
  const response = await fetch(script.replace(/\.js$/, ".wasm.gz"));
  if (!response.ok) throw new Error(`the network engine could not be loaded (${response.status})`);
  const wasmBinary = await unpacked(await response.arrayBuffer());
  // The engine's script looks for this object; workers that it starts load `mainScriptUrlOrBlob` again.
  (self as unknown as { Module: EngineModule }).Module = { wasmBinary, mainScriptUrlOrBlob: script };
  await loadLiteRt(script);
  threadsLoaded = threads;
}

/** Some web servers announce .gz files as packed for the transfer, and the browser has unpacked them already. */
async function unpacked(bytes: ArrayBuffer): Promise<ArrayBuffer> {
  const [first, second] = new Uint8Array(bytes, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return bytes;
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** One compiled network: named float32 arrays in, named float32 arrays out. */
export class Session {
  private constructor(private readonly model: CompiledModel, readonly placement: Placement) {}

  /** Compile `.tflite` bytes; falls back from WebGPU to WebAssembly when the graphics card cannot take the network. */
  static async open(bytes: Uint8Array, accelerator: Accelerator): Promise<Session> {
    const gpu = accelerator === "webgpu" && getDefaultEnvironment().webGpuDevice !== null;
    if (gpu) {
      try {
        const model = await loadAndCompile(bytes, { accelerator: "webgpu" });
        if (model.options.accelerator === "webgpu") return new Session(model, { accelerator: "webgpu", threads: 1 });
        model.delete();
      } catch (error) {
        console.warn("WebGPU cannot run this network, using WebAssembly:", error);
      }
    }
    const model = await loadAndCompile(expandHalf(bytes), { accelerator: "wasm", cpuOptions: { numThreads: threadsLoaded } });
    return new Session(model, { accelerator: "wasm", threads: threadsLoaded });
  }

  /** Shape of an input or output by name. */
  shape(name: string): number[] {
    const found = [...this.model.getInputDetails(), ...this.model.getOutputDetails()].find((d) => d.name === name);
    if (!found) throw new Error(`the network has no tensor ${name}`);
    return [...found.shape];
  }

  async run(feeds: Feeds): Promise<Feeds> {
    const inputs: Record<string, Tensor> = {};
    for (const [name, values] of Object.entries(feeds)) {
      const tensor = new Tensor(values, this.shape(name));
      inputs[name] = this.placement.accelerator === "webgpu" ? await tensor.moveTo("webgpu") : tensor;
    }
    const outputs = await this.model.run(inputs);
    const result: Feeds = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      result[name] = Float32Array.from((await tensor.data()) as Float32Array);
      tensor.delete();
    }
    for (const tensor of Object.values(inputs)) tensor.delete();
    return result;
  }

  close(): void {
    this.model.delete();
  }
}
