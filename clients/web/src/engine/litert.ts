/** LiteRT.js behind a small interface. Runs in a classic worker: the engine's loader needs `importScripts`. */

import {
  type CompiledModel, Tensor, TensorBufferType, getDefaultEnvironment, loadAndCompile, loadLiteRt,
} from "@litertjs/core";
import { expandHalf } from "./half";

export type Accelerator = "wasm" | "webgpu";
export type Feeds = Record<string, Float32Array | Tensor>;
export type { Tensor };

export interface Placement {
  accelerator: Accelerator;
  threads: number;
}

interface EngineModule {
  wasmBinary: ArrayBuffer;
  mainScriptUrlOrBlob: string;
}

let threadsLoaded = 0;
/** Helpers of the threaded build that no model has: it starts one per core, and a model that finds too few hangs. */
let helpers = 0;
/** Addresses of the build that has been loaded. */
export let engineFiles: string[] = [];

/**
 * Load the engine from `folder` once. With `threads` above 1 the page must be cross-origin isolated; otherwise the
 * single-threaded SIMD build is taken, which runs in every browser that has WebAssembly SIMD.
 */
export async function loadEngine(folder: string, threads: number): Promise<void> {
  if (threadsLoaded) return;
  const script = `${folder}litert_wasm_${threads > 1 ? "threaded" : "compat"}_internal.js`;
  const packed = script.replace(/\.js$/, ".wasm.gz");
  const response = await fetch(packed).catch(() => null);
  if (!response?.ok) {
    // Without a network there is only what an earlier visit has used, and the first one may have had no threads.
    if (threads > 1) return loadEngine(folder, 1);
    throw new Error(`the network engine could not be loaded (${response?.status ?? "no network"})`);
  }
  const wasmBinary = await unpacked(await response.arrayBuffer());
  // The engine's script looks for this object; workers that it starts load `mainScriptUrlOrBlob` again.
  (self as unknown as { Module: EngineModule }).Module = { wasmBinary, mainScriptUrlOrBlob: script };
  await loadLiteRt(script);
  threadsLoaded = threads;
  helpers = threads > 1 ? navigator.hardwareConcurrency : 0;
  engineFiles = [script, packed];
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

  /**
   * Compile `.tflite` bytes; falls back from WebGPU to WebAssembly when the graphics card cannot take the network.
   * There it gets at most `most` threads, fewer when other sessions have them.
   */
  static async open(bytes: Uint8Array, accelerator: Accelerator, most = threadsLoaded): Promise<Session> {
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
    const threads = 1 + Math.min(most - 1, helpers);
    const model = await loadAndCompile(expandHalf(bytes), { accelerator: "wasm", cpuOptions: { numThreads: threads } });
    helpers -= threads - 1;
    return new Session(model, { accelerator: "wasm", threads });
  }

  /** Shape of an input or output by name. */
  shape(name: string): number[] {
    const found = [...this.model.getInputDetails(), ...this.model.getOutputDetails()].find((d) => d.name === name);
    if (!found) throw new Error(`the network has no tensor ${name}`);
    return [...found.shape];
  }

  /**
   * Tensors of an earlier run may be fed again where they lie, and stay alive. Whoever asks deletes the answers.
   */
  async run(feeds: Feeds): Promise<Record<string, Tensor>> {
    const inputs: Record<string, Tensor> = {};
    const own: Tensor[] = [];
    for (const [name, values] of Object.entries(feeds)) {
      if (values instanceof Float32Array) {
        const tensor = new Tensor(values, this.shape(name));
        own.push((inputs[name] = this.placement.accelerator === "webgpu" ? await tensor.moveTo("webgpu") : tensor));
      } else inputs[name] = values;
    }
    try {
      return await this.model.run(inputs);
    } finally {
      for (const tensor of own) tensor.delete();
    }
  }

  /** One output as numbers, the tensors deleted. */
  async answer(feeds: Feeds, name: string): Promise<Float32Array> {
    const outputs = await this.run(feeds);
    const values = await read(outputs[name]);
    for (const tensor of Object.values(outputs)) tensor.delete();
    return values;
  }

  close(): void {
    this.model.delete();
    helpers += this.placement.threads - 1;
  }
}

/** A copy of a tensor's numbers, from the graphics card if they are there. */
export const read = (tensor: Tensor): Promise<Float32Array> => tensor.data() as Promise<Float32Array>;

/** The tensor's own buffer on the graphics card, plain floats in the order of its shape; null when it is elsewhere. */
export function bufferOf(tensor: Tensor): GPUBuffer | null {
  return tensor.bufferType === TensorBufferType.WEB_GPU_BUFFER_PACKED ? tensor.toGpuBuffer() : null;
}

/** The graphics card that networks run on, once the engine is loaded. */
export const graphicsCard = (): GPUDevice | null => getDefaultEnvironment().webGpuDevice;
