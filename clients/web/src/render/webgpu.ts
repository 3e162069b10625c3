/** The WebGPU renderer: the passes of webgl.ts on a mask that never leaves the graphics card. Lives in the worker. */

import { type Drawing, cover } from "./scene";
import { BLUR, FINAL, FIT, GATHER, HALVE, MATTE, MEAN, PACK, SOFTEN } from "./wgsl";

/** Alpha in 0..1, `height x width` floats. */
export interface Mask {
  buffer: GPUBuffer;
  height: number;
  width: number;
}

const HALF = "rgba16float";
const levels = (width: number, height: number): number => 1 + Math.floor(Math.log2(Math.max(width, height)));

export class CardRenderer {
  private readonly canvas = new OffscreenCanvas(1, 1);
  private readonly context: GPUCanvasContext;
  private readonly sampler: GPUSampler;
  private readonly parameters: GPUBuffer;
  private readonly textures = new Map<string, GPUTexture>();
  private readonly pipelines: Record<"pack" | "soften" | "fit" | "mean" | "matte" | "gather" | "halve" | "blur" | "final", GPURenderPipeline>;

  private constructor(private readonly device: GPUDevice) {
    const context = this.canvas.getContext("webgpu");
    if (!context) throw new Error("no WebGPU canvas in this worker");
    this.context = context;
    const shown = navigator.gpu.getPreferredCanvasFormat();
    context.configure({ device, format: shown, alphaMode: "premultiplied" });
    this.sampler = device.createSampler({ magFilter: "linear", minFilter: "linear", mipmapFilter: "linear" });
    this.parameters = device.createBuffer({ size: 64, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
    const make = (code: string, ...formats: GPUTextureFormat[]): GPURenderPipeline => {
      const module = device.createShaderModule({ code });
      return device.createRenderPipeline({
        layout: "auto", vertex: { module, entryPoint: "corner" },
        fragment: { module, entryPoint: "main", targets: formats.map((format) => ({ format })) },
      });
    };
    this.pipelines = {
      pack: make(PACK, HALF), soften: make(SOFTEN, HALF), fit: make(FIT, HALF, HALF), mean: make(MEAN, HALF),
      matte: make(MATTE, "r8unorm"), gather: make(GATHER, HALF, HALF), halve: make(HALVE, HALF, HALF),
      blur: make(BLUR, "rgba8unorm"), final: make(FINAL, shown),
    };
  }

  /** Rejects when this browser's WebGPU cannot do it; nothing is drawn then. */
  static async create(device: GPUDevice): Promise<CardRenderer> {
    device.pushErrorScope("validation");
    let made: CardRenderer | null = null;
    let failed: unknown;
    try {
      made = new CardRenderer(device);
    } catch (error) {
      failed = error;
    }
    const wrong = await device.popErrorScope();
    if (!made || wrong) throw failed ?? new Error(wrong!.message);
    return made;
  }

  /** The composed frame; `guide` is the picture (RGB bytes) in the cells of the mask. */
  draw(frame: ImageBitmap, mask: Mask, guide: Uint8Array, drawing: Drawing): ImageBitmap {
    const { device, pipelines } = this;
    const { width, height } = frame;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const mode = drawing.look === "none" ? 0 : drawing.look === "transparent" ? 2 : 1;
    const encoder = device.createCommandEncoder();
    const picture = this.upload("frame", frame, width, height);
    const none = this.texture("none", 1, 1, "rgba8unorm");
    let [matte, person, behind, background] = [none, none, none, none];
    let window = [0, 0, 1, 1];
    const blurs = drawing.look === "blur" || drawing.look === "bokeh";
    const backdrop = mode === 1 && !blurs ? this.backdrop(drawing) : null;
    if (backdrop) {
      background = this.textures.get("backdrop")!;
      const [x, y, w, h] = cover(backdrop, width, height);
      window = [x / backdrop.width, y / backdrop.height, w / backdrop.width, h / backdrop.height];
    } else if (blurs && drawing.mirrored) window = [0, 0, -1, 1];
    const [w, h] = [Math.ceil(width / 4), Math.ceil(height / 4)];
    this.write(drawing, window, mode, Math.max(0.01, drawing.blur * Math.max(w, h)));
    if (mode !== 0) {
      matte = this.matte(encoder, picture, mask, guide);
      const count = levels(w, h);
      [person, behind] = ["person", "behind"].map((name) => this.texture(name, w, h, HALF, count));
      const level = (texture: GPUTexture, baseMipLevel: number): GPUTextureView => texture.createView({ baseMipLevel, mipLevelCount: 1 });
      this.pass(encoder, pipelines.gather, [level(person, 0), level(behind, 0)], [picture, matte]);
      for (let i = 1; i < count; i++) {
        this.pass(encoder, pipelines.halve, [level(person, i), level(behind, i)], [level(person, i - 1), level(behind, i - 1)]);
      }
      if (blurs) {
        background = this.texture("blurred", w, h, "rgba8unorm");
        this.pass(encoder, pipelines.blur, [background], [this.parameters, behind]);
      }
    }
    const resources = [this.parameters, picture, matte, person, behind, background];
    this.pass(encoder, pipelines.final, [this.context.getCurrentTexture()], resources);
    device.queue.submit([encoder.finish()]);
    return this.canvas.transferToImageBitmap();
  }

  private matte(encoder: GPUCommandEncoder, frame: GPUTexture, mask: Mask, guide: Uint8Array): GPUTexture {
    const { pipelines } = this;
    const { width, height } = mask;
    const rgba = new Uint8Array(4 * width * height);
    for (let i = 0, j = 0; j < guide.length; i += 4, j += 3) {
      rgba[i] = guide[j];
      rgba[i + 1] = guide[j + 1];
      rgba[i + 2] = guide[j + 2];
    }
    const colours = this.texture("guide", width, height, "rgba8unorm");
    this.device.queue.writeTexture({ texture: colours }, rgba, { bytesPerRow: 4 * width }, [width, height]);
    const make = (name: string): GPUTexture => this.texture(name, width, height, HALF);
    const [small, soft, fitted, trusted, fit] = ["small", "soft", "fitted", "trusted", "fit"].map(make);
    this.pass(encoder, pipelines.pack, [small], [colours, mask.buffer], false);
    this.pass(encoder, pipelines.soften, [soft], [small], false);
    this.pass(encoder, pipelines.fit, [fitted, trusted], [soft], false);
    this.pass(encoder, pipelines.mean, [fit], [small, fitted, trusted], false);
    const matte = this.texture("matte", frame.width, frame.height, "r8unorm");
    this.pass(encoder, pipelines.matte, [matte], [frame, small, fit]);
    return matte;
  }

  /** One pass over the whole of `targets`; resources are bound from 1 on, the sampler at 0. */
  private pass(
    encoder: GPUCommandEncoder, pipeline: GPURenderPipeline, targets: (GPUTexture | GPUTextureView)[],
    resources: (GPUTexture | GPUTextureView | GPUBuffer)[], samples = true,
  ): void {
    const view = (of: GPUTexture | GPUTextureView): GPUTextureView => of instanceof GPUTexture ? of.createView() : of;
    const entries: GPUBindGroupEntry[] = resources.map((resource, i) => ({
      binding: i + 1, resource: resource instanceof GPUBuffer ? { buffer: resource } : view(resource),
    }));
    if (samples) entries.push({ binding: 0, resource: this.sampler });
    const pass = encoder.beginRenderPass({
      colorAttachments: targets.map((target) => ({ view: view(target), loadOp: "clear", storeOp: "store" })),
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.draw(3);
    pass.end();
  }

  private write(drawing: Drawing, window: number[], mode: number, radius: number): void {
    const { color, edge, look, mirrored } = drawing;
    const floats = Float32Array.of(...color, 1, ...window, edge?.low ?? 0, edge?.high ?? 0, radius, Number(look === "bokeh"));
    this.device.queue.writeBuffer(this.parameters, 0, floats);
    this.device.queue.writeBuffer(this.parameters, 48, Uint32Array.of(mode, Number(mirrored), Number(look === "color")));
  }

  /** The backdrop to draw; its picture comes only when it is new. */
  private backdrop({ look, backdrop }: Drawing): Drawing["backdrop"] {
    if (!backdrop || (look !== "image" && look !== "video")) return null;
    if (backdrop.picture) {
      this.upload("backdrop", backdrop.picture, backdrop.width, backdrop.height);
      backdrop.picture.close();
    }
    return this.textures.has("backdrop") ? backdrop : null;
  }

  private upload(name: string, source: ImageBitmap, width: number, height: number): GPUTexture {
    const texture = this.texture(name, width, height, "rgba8unorm");
    this.device.queue.copyExternalImageToTexture({ source }, { texture }, [width, height]);
    return texture;
  }

  /** Textures by name, made anew when their size or format changes. */
  private texture(name: string, width: number, height: number, format: GPUTextureFormat, mipLevelCount = 1): GPUTexture {
    const old = this.textures.get(name);
    if (old && old.width === width && old.height === height && old.format === format) return old;
    old?.destroy();
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.COPY_DST;
    const made = this.device.createTexture({ size: [width, height], format, mipLevelCount, usage });
    this.textures.set(name, made);
    return made;
  }
}
