/** One model on one stream of pictures: what Python's pipeline does before refinement, step for step. */

import { type Accelerator, type Placement, Session } from "./litert";
import { type Geometry } from "./resize";
import { type Layout, type ModelSpec, fileFor, parseSpec } from "./spec";
import { type Pixels, crop, prepare, readAlpha } from "./tensors";
import { Temporal } from "./temporal";

/** Alpha in 0..1 and the picture (RGB) in the same cells, `height x width`; milliseconds per stage. */
export interface Seen {
  alpha: Float32Array;
  guide: Uint8Array;
  height: number;
  width: number;
  times: { preprocess: number; network: number; temporal: number };
}

export interface Loaded {
  spec: ModelSpec;
  session: Session;
  layout: Layout;
}

/** Fetch a `spec.json` and its `.tflite`, and compile it. */
export async function loadModel(url: string, accelerator: Accelerator): Promise<Loaded> {
  const spec = parseSpec(await (await fetched(url)).text(), url);
  const file = fileFor(spec, "litert");
  // The checksum in the address makes a new weight file a new address: old ones may be cached for ever.
  const bytes = await (await fetched(new URL(`${file.file}?v=${file.sha256.slice(0, 12)}`, url).href)).arrayBuffer();
  const session = await Session.open(new Uint8Array(bytes), accelerator);
  return { spec, session, layout: file.layout };
}

export async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded (${response.status})`);
  return response;
}

export class Matter {
  private readonly temporal = new Temporal();
  private states: Record<string, Float32Array> = {};

  constructor(private readonly model: Loaded) {
    this.reset();
  }

  static async load(url: string, accelerator: Accelerator): Promise<Matter> {
    return new Matter(await loadModel(url, accelerator));
  }

  get spec(): ModelSpec {
    return this.model.spec;
  }

  get placement(): Placement {
    return this.model.session.placement;
  }

  /** Forget earlier frames: the next one is treated as the first. */
  reset(): void {
    this.temporal.reset();
    this.states = {};
    for (const { input } of this.spec.states) {
      const cells = this.model.session.shape(input).reduce((a, b) => a * b, 1);
      this.states[input] = new Float32Array(cells);
    }
  }

  /** Alpha at network size, the letterbox included; keeps the model's own state only. */
  async infer(image: Pixels): Promise<{ alpha: Float32Array; tensor: Float32Array; small: Uint8Array; geometry: Geometry }> {
    const prepared = prepare(image, this.spec, this.model.layout);
    return { ...prepared, alpha: await this.run(prepared.tensor) };
  }

  private async run(tensor: Float32Array): Promise<Float32Array> {
    const outputs = await this.model.session.run({ [this.spec.input.name]: tensor, ...this.states });
    for (const { input, output } of this.spec.states) this.states[input] = outputs[output];
    return readAlpha(outputs[this.spec.output.name], this.spec, this.model.layout);
  }

  /** What the network says of a frame; with `live` steadied by the frames before. */
  async see(image: Pixels, live: boolean): Promise<Seen> {
    const start = performance.now();
    const { tensor, small, geometry } = prepare(image, this.spec, this.model.layout);
    const { height, width } = geometry;
    if (!live) this.reset();
    else if (this.temporal.isCut(small, height, width)) {
      this.reset();
      this.temporal.isCut(small, height, width); // the first frame of the new scene
    }
    const ready = performance.now();
    let alpha = crop(await this.run(tensor), this.spec, geometry);
    const done = performance.now();
    if (live) alpha = this.temporal.steady(alpha, small, height, width);
    const times = { preprocess: ready - start, network: done - ready, temporal: performance.now() - done };
    return { alpha, guide: small, height, width, times };
  }

  close(): void {
    this.model.session.close();
  }
}
