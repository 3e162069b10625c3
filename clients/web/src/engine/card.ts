/**
 * The mask on the graphics card: what `readAlpha`, `crop` and `Temporal.steady` do, from the network's own output
 * buffer into one that the renderer reads. Nothing of it passes through the processor.
 */

import type { Geometry } from "./resize";
import type { Layout, ModelSpec } from "./spec";
import { DOUBT, PAST } from "./temporal";

const GROUP = 64;
const CODE = `
struct How { width: u32, height: u32, left: u32, top: u32, row: u32, cells: u32, maps: u32, channel: u32,
  kind: u32, planes: u32, follow: u32, }
@group(0) @binding(0) var<uniform> how: How;
@group(0) @binding(1) var<storage, read> network: array<f32>;
@group(0) @binding(2) var<storage, read> still: array<f32>;
@group(0) @binding(3) var<storage, read_write> mask: array<f32>;
fn at(cell: u32, channel: u32) -> f32 {
  return network[select(cell * how.maps + channel, channel * how.cells + cell, how.planes == 1u)];
}
fn sure(alpha: f32) -> f32 { return ${DOUBT} + ${1 - DOUBT} * abs(2.0 * alpha - 1.0); }
@compute @workgroup_size(${GROUP}) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= how.width * how.height) { return; }
  let cell = (i / how.width + how.top) * how.row + i % how.width + how.left;
  var value = at(cell, how.channel);
  if (how.kind == 2u) { value -= at(cell, 1u - how.channel); }
  if (how.kind > 0u) { value = 1.0 / (1.0 + exp(-value)); }
  value = clamp(value, 0.0, 1.0);
  if (how.follow == 1u) {
    let past = mask[i];
    value += ${PAST} * still[i] * min(1.0, sure(past) / sure(value)) * (past - value);
  }
  mask[i] = value;
}`;

/** Alpha of the newest frame, `height x width` floats in `buffer`. */
export class CardMask {
  height = 0;
  width = 0;
  private kept: GPUBuffer | null = null;
  private readonly pipeline: GPUComputePipeline;
  private readonly how: GPUBuffer;
  private still: GPUBuffer | null = null;

  constructor(readonly device: GPUDevice) {
    const module = device.createShaderModule({ code: CODE });
    this.pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
    this.how = device.createBuffer({ size: 48, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  }

  get buffer(): GPUBuffer {
    return this.kept!;
  }

  /** Take a network's answer; `still` says where the mask of the frame before counts, null where it does not at all. */
  take(output: GPUBuffer, spec: ModelSpec, layout: Layout, part: Geometry, maps: number, still: Float32Array | null): void {
    const { device } = this;
    const [rows, row] = spec.input.size;
    const cells = part.height * part.width;
    const fits = this.height === part.height && this.width === part.width;
    if (!fits) this.resize(part.height, part.width);
    const kind = ["alpha", "logits", "two-logits"].indexOf(spec.output.kind);
    const channel = maps === 1 ? 0 : spec.output.channel;
    device.queue.writeBuffer(this.how, 0, Uint32Array.of(part.width, part.height, part.left, part.top, row, rows * row, maps,
      channel, kind, Number(layout === "nchw"), Number(fits && still !== null)));
    if (still) device.queue.writeBuffer(this.still!, 0, still as Float32Array<ArrayBuffer>);
    const entries = [this.how, output, this.still!, this.buffer].map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, device.createBindGroup({ layout: this.pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(Math.ceil(cells / GROUP));
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  /** The mask for whatever runs on the processor. */
  async read(): Promise<Float32Array> {
    const { device } = this;
    const size = this.buffer.size;
    const copy = device.createBuffer({ size, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
    const encoder = device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.buffer, 0, copy, 0, size);
    device.queue.submit([encoder.finish()]);
    await copy.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(copy.getMappedRange().slice(0));
    copy.destroy();
    return values;
  }

  private resize(height: number, width: number): void {
    this.kept?.destroy();
    this.still?.destroy();
    [this.height, this.width] = [height, width];
    const make = (usage: number): GPUBuffer => this.device.createBuffer({
      size: 4 * height * width, usage: GPUBufferUsage.STORAGE | usage,
    });
    this.kept = make(GPUBufferUsage.COPY_SRC);
    this.still = make(GPUBufferUsage.COPY_DST);
  }
}
