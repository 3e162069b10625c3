/** One model on one stream of pictures: what Python's pipeline does before refinement, step for step. */

import type { CardMask } from "./card";
import { fadeUnsure } from "./clean";
import { type Accelerator, type Feeds, type Placement, Session, type Tensor, bufferOf, read } from "./litert";
import { type Geometry } from "./resize";
import { type Layout, type ModelSpec, fetchSpec, fetched } from "./spec";
import { type Pixels, crop, prepare, readAlpha } from "./tensors";
import { Temporal } from "./temporal";

/** Milliseconds per stage. */
export interface Times {
  preprocess: number;
  network: number;
  temporal: number;
}

/** Alpha in 0..1, cleaned, and the picture (RGB) in the same cells, `height x width`. */
export interface Seen {
  alpha: Float32Array;
  guide: Uint8Array;
  height: number;
  width: number;
  times: Times;
}

export interface Loaded {
  spec: ModelSpec;
  session: Session;
  layout: Layout;
}

export interface Model {
  spec: ModelSpec;
  bytes: Uint8Array;
  layout: Layout;
}

/** Fetch a `spec.json` and its `.tflite`. */
export async function fetchModel(url: string): Promise<Model> {
  const { spec, file, weights } = await fetchSpec(url);
  const bytes = await (await fetched(weights)).arrayBuffer();
  return { spec, bytes: new Uint8Array(bytes), layout: file.layout };
}

/** Compile it, for `threads` at most. */
export async function compile({ spec, bytes, layout }: Model, accelerator: Accelerator, threads?: number): Promise<Loaded> {
  return { spec, layout, session: await Session.open(bytes, accelerator, threads) };
}

export class Matter {
  private readonly temporal = new Temporal();
  private states: Feeds = {};

  /** With `card` the network runs where that mask lies, and live masks stay there until somebody reads them. */
  constructor(private readonly model: Loaded, private readonly card: CardMask | null = null) {
    this.reset();
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
    this.forget();
    for (const { input } of this.spec.states) {
      const cells = this.model.session.shape(input).reduce((a, b) => a * b, 1);
      this.states[input] = new Float32Array(cells);
    }
  }

  /** Alpha at network size, the letterbox included; keeps the model's own state only. */
  async infer(image: Pixels): Promise<{ alpha: Float32Array; tensor: Float32Array; small: Uint8Array; geometry: Geometry }> {
    const prepared = prepare(image, this.spec, this.model.layout);
    return { ...prepared, alpha: await this.run(prepared.tensor, this.alphaOf) };
  }

  /** Run the network; `take` gets its answer before that is deleted, or kept as the state of the next frame. */
  private async run<T>(tensor: Float32Array, take: (answer: Tensor) => T | Promise<T>): Promise<T> {
    const outputs = await this.model.session.run({ [this.spec.input.name]: tensor, ...this.states });
    const taken = await take(outputs[this.spec.output.name]);
    this.forget();
    const kept = new Set<Tensor>();
    for (const { input, output } of this.spec.states) kept.add((this.states[input] = outputs[output]) as Tensor);
    for (const output of Object.values(outputs)) if (!kept.has(output)) output.delete();
    return taken;
  }

  private readonly alphaOf = async (answer: Tensor): Promise<Float32Array> =>
    readAlpha(await read(answer), this.spec, this.model.layout);

  private forget(): void {
    for (const state of new Set(Object.values(this.states))) if (!(state instanceof Float32Array)) state.delete();
    this.states = {};
  }

  /** What the network says of a frame, cleaned; with `live` steadied by the frames before, as those were uncleaned. */
  async see(image: Pixels, live: boolean): Promise<Seen> {
    if (live && this.card) {
      const { guide, times } = await this.seeOnCard(image);
      const start = performance.now();
      const { height, width } = this.card;
      const alpha = fadeUnsure(await this.card.read(), height, width);
      times.temporal += performance.now() - start;
      return { alpha, guide, height, width, times };
    }
    const start = performance.now();
    const { tensor, small, geometry } = prepare(image, this.spec, this.model.layout);
    const { height, width } = geometry;
    if (live) this.watchForCut(small, geometry);
    else this.reset();
    const ready = performance.now();
    let alpha = crop(await this.run(tensor, this.alphaOf), this.spec, geometry);
    const done = performance.now();
    if (live) alpha = this.temporal.steady(alpha, small, height, width);
    alpha = fadeUnsure(alpha, height, width);
    const times = { preprocess: ready - start, network: done - ready, temporal: performance.now() - done };
    return { alpha, guide: small, height, width, times };
  }

  /** As `see`, live, but the mask is left on the graphics card. */
  async seeOnCard(image: Pixels): Promise<{ guide: Uint8Array; times: Times }> {
    const { card, model, spec, temporal } = this;
    if (!card) throw new Error("this network does not run on the graphics card");
    const start = performance.now();
    const { tensor, small, geometry } = prepare(image, spec, model.layout);
    const { height, width } = geometry;
    this.watchForCut(small, geometry);
    const ready = performance.now();
    let [done, network] = [ready, ready];
    await this.run(tensor, (answer) => {
      const buffer = bufferOf(answer);
      if (!buffer) throw new Error("the network's answer is not on the graphics card");
      network = performance.now();
      const [rows, row] = spec.input.size;
      const maps = [...answer.type.layout.dimensions].reduce((a, b) => a * b, 1) / (rows * row);
      card.take(buffer, spec, model.layout, geometry, maps, temporal.stillness(small, height, width));
      done = performance.now();
    });
    return { guide: small, times: { preprocess: ready - start, network: network - ready, temporal: done - network } };
  }

  private watchForCut(small: Uint8Array, { height, width }: Geometry): void {
    if (!this.temporal.isCut(small, height, width)) return;
    this.reset();
    this.temporal.isCut(small, height, width); // the first frame of the new scene
  }

  close(): void {
    this.forget();
    this.model.session.close();
  }
}
