/** The WebGL2 renderer: refinement by the frame, clean colours and composition on the graphics card. */

import type { Recolour } from "../effects/recolour";
import { Program, type Target, Textures } from "./gl";
import { type Renderer, type Scene, cover } from "./scene";
import { BLUR, FINAL, FIT, GATHER, MATTE, MEAN, SOFTEN } from "./shaders";

const IDENTITY = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
const levels = (width: number, height: number): number => 1 + Math.floor(Math.log2(Math.max(width, height)));

export class WebGLRenderer implements Renderer {
  readonly name = "WebGL2";
  readonly canvas = document.createElement("canvas");
  private readonly gl: WebGL2RenderingContext;
  private readonly textures: Textures;
  private readonly framebuffer: WebGLFramebuffer;
  private readonly programs: Record<"soften" | "fit" | "mean" | "matte" | "gather" | "blur" | "final", Program>;

  /**
   * Throws when the browser has no WebGL2 with half-float targets. A graphics card emulated by the processor is slower
   * than Canvas 2D and takes time from the network: only used when `emulated` allows it.
   */
  constructor(emulated: boolean) {
    const gl = this.canvas.getContext("webgl2", {
      alpha: true, premultipliedAlpha: true, antialias: false, failIfMajorPerformanceCaveat: !emulated,
    });
    if (!gl) throw new Error("no WebGL2");
    if (!gl.getExtension("EXT_color_buffer_float") && !gl.getExtension("EXT_color_buffer_half_float")) {
      throw new Error("no float targets in WebGL2");
    }
    this.gl = gl;
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    this.textures = new Textures(gl);
    this.framebuffer = gl.createFramebuffer()!;
    const make = (source: string): Program => new Program(gl, source);
    this.programs = {
      soften: make(SOFTEN), fit: make(FIT), mean: make(MEAN), matte: make(MATTE),
      gather: make(GATHER), blur: make(BLUR), final: make(FINAL),
    };
  }

  get lost(): boolean {
    return this.gl.isContextLost();
  }

  draw(scene: Scene, target: CanvasRenderingContext2D): void {
    const { width, height } = scene.frame;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const mode = scene.look === "none" ? 0 : scene.look === "transparent" ? 2 : 1;
    // Rows of textures run downwards and those of the canvas upwards: drawn as they are, and turned when copied.
    this.compose(scene, mode, null, []);
    target.setTransform(1, 0, 0, -1, 0, height);
    target.clearRect(0, 0, width, height);
    target.drawImage(this.canvas, 0, 0);
    target.setTransform(1, 0, 0, 1, 0, 0);
  }

  cutout(scene: Scene): Uint8ClampedArray {
    const { gl } = this;
    const { width, height } = scene.frame;
    const output = this.textures.get("cutout", width, height, gl.RGBA8);
    this.compose(scene, 3, this.framebuffer, [output]);
    const bytes = new Uint8Array(width * height * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    return new Uint8ClampedArray(bytes.buffer);
  }

  dispose(): void {
    this.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  private compose(scene: Scene, mode: number, framebuffer: WebGLFramebuffer | null, outputs: Target[]): void {
    const { width, height } = scene.frame;
    const frame = this.textures.upload("frame", scene.frame, width, height);
    const none = this.textures.bytes("none", new Uint8Array(4), 1, 1);
    let [matte, person, behind, background] = [none, none, none, none];
    let window = [0, 0, 1, 1];
    if (mode !== 0) {
      matte = this.matte(scene, frame);
      [person, behind] = this.sides(frame, matte);
      if (scene.look === "blur" || scene.look === "bokeh") {
        background = this.blurred(scene, behind);
        if (scene.mirrored) window = [0, 0, -1, 1];
      } else if (scene.backdrop && mode === 1) {
        const { source, width: w, height: h } = scene.backdrop;
        background = this.textures.upload("backdrop", source, w, h);
        const [x, y, cw, ch] = cover(scene.backdrop, width, height);
        window = [x / w, y / h, cw / w, ch / h];
      }
    }
    this.programs.final.draw(framebuffer, outputs, width, height, {
      frame, matte, person, behind, background, mode, mirrored: scene.mirrored, plain: scene.look === "color", window,
      color: scene.color, edge: scene.edge ? [scene.edge.low, scene.edge.high] : [0, 0], ...this.recolour(scene.recolour, none),
    });
  }

  private matte(scene: Scene, frame: Target): Target {
    const { gl, textures, programs, framebuffer } = this;
    const { width, height } = scene.cells;
    const packed = new Uint8Array(width * height * 4);
    for (let i = 0; i < scene.alpha.length; i++) {
      packed[4 * i] = scene.guide[3 * i];
      packed[4 * i + 1] = scene.guide[3 * i + 1];
      packed[4 * i + 2] = scene.guide[3 * i + 2];
      packed[4 * i + 3] = scene.alpha[i] * 255 + 0.5;
    }
    const small = textures.bytes("small", packed, width, height);
    const soft = textures.get("soft", width, height, gl.RGBA8);
    programs.soften.draw(framebuffer, [soft], width, height, { small });
    const fitted = textures.get("fitted", width, height, gl.RGBA16F);
    const trusted = textures.get("trusted", width, height, gl.RGBA16F);
    programs.fit.draw(framebuffer, [fitted, trusted], width, height, { small: soft });
    const fit = textures.get("fit", width, height, gl.RGBA16F);
    programs.mean.draw(framebuffer, [fit], width, height, { small, fitted, trusted });
    const matte = textures.get("matte", frame.width, frame.height, gl.R8);
    programs.matte.draw(framebuffer, [matte], frame.width, frame.height, { frame, small, fit });
    return matte;
  }

  private sides(frame: Target, matte: Target): [Target, Target] {
    const { gl, textures } = this;
    const [width, height] = [Math.ceil(frame.width / 4), Math.ceil(frame.height / 4)];
    const pair = ["person", "behind"].map((name) => textures.get(name, width, height, gl.RGBA16F, levels(width, height)));
    this.programs.gather.draw(this.framebuffer, pair, width, height, { frame, matte });
    pair.forEach((target) => textures.mipmaps(target));
    return [pair[0], pair[1]];
  }

  private blurred(scene: Scene, behind: Target): Target {
    const { width, height } = behind;
    const blurred = this.textures.get("blurred", width, height, this.gl.RGBA8);
    const radius = Math.max(0.01, scene.blur * Math.max(width, height));
    const glow = scene.look === "bokeh" ? 1 : 0;
    this.programs.blur.draw(this.framebuffer, [blurred], width, height, { behind, radius, glow });
    return blurred;
  }

  private recolour(how: Recolour | null, none: Target): Record<string, number | number[] | Target> {
    const idle = { recolour: 0, gain: [1, 1, 1], offset: [0, 0, 0], matrix: IDENTITY, change: none };
    if (!how) return idle;
    if (how.kind === "lab") return { ...idle, recolour: 1, gain: how.gain, offset: how.offset };
    if (how.kind === "curves") {
      const both = withAlpha([...how.first, ...how.second]);
      return { ...idle, recolour: 2, matrix: [...how.matrix, 0, 0, 0, 1], change: this.textures.floats("curves", both, 256, 2) };
    }
    return { ...idle, recolour: 3, change: this.textures.floats("change", withAlpha(how.change), how.width, how.height) };
  }
}

function withAlpha(rgb: ArrayLike<number>): Float32Array {
  const result = new Float32Array((rgb.length / 3) * 4);
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) for (let c = 0; c < 3; c++) result[o + c] = rgb[i + c];
  return result;
}
