/** The stage: one matted frame, drawn with the user's settings, again and again. */

import { harmonizerInput, smoothed, transformOf } from "../effects/harmonize";
import type { Recolour } from "../effects/recolour";
import { seamless } from "../effects/seamless";
import { colourTransfer } from "../effects/transfer";
import type { Engine } from "../engine/client";
import type { Matted } from "../engine/protocol";
import { Canvas2DRenderer } from "../render/canvas2d";
import { type Backdrop, type Drawing, type Renderer, type Scene, cover } from "../render/scene";
import { WebGLRenderer } from "../render/webgl";
import { type FilterKind, type Settings, edgeOf } from "./settings";

const PAST = 0.9;

export class Stage {
  readonly fallback = new Canvas2DRenderer();
  gl: WebGLRenderer | null = null;
  private readonly context: CanvasRenderingContext2D;
  private readonly scratch = document.createElement("canvas");
  private transform: Float32Array | null = null;
  private sent: { backdrop: Backdrop; version: number } | null = null;
  /** What has drawn last. */
  drawnBy = "";

  constructor(readonly canvas: HTMLCanvasElement, private readonly engine: Engine, changed: (text: string) => void, wanted: string | null) {
    this.context = canvas.getContext("2d")!;
    if (wanted === "2d") return;
    const start = (): void => {
      try {
        this.gl = new WebGLRenderer(wanted === "webgl");
      } catch (error) {
        console.warn("drawing with Canvas 2D:", error);
        return;
      }
      this.gl.canvas.addEventListener("webglcontextlost", (event) => {
        event.preventDefault();
        changed("The graphics card was lost; drawing without it.");
      });
      this.gl.canvas.addEventListener("webglcontextrestored", () => {
        start();
        changed("The graphics card is back.");
      });
    };
    start();
  }

  get renderer(): Renderer {
    return this.gl && !this.gl.lost ? this.gl : this.fallback;
  }

  reset(): void {
    this.transform = null;
  }

  /** Everything the renderer needs; recolouring filters look at the picture and at what will be behind it. */
  async scene(matted: Matted, settings: Settings, backdrop: Backdrop | null, live: boolean, filter: FilterKind = settings.filter): Promise<Scene> {
    const { frame, alpha, guide, height, width } = matted;
    const scene: Scene = {
      frame, alpha, guide, cells: { height, width }, look: settings.look, color: settings.color, blur: settings.blur,
      backdrop: settings.look === "image" || settings.look === "video" ? backdrop : null,
      edge: edgeOf({ ...settings, filter }), recolour: null, mirrored: settings.mirrored,
    };
    if (filter !== "alpha" && filter !== "smoothstep" && settings.look !== "none" && settings.look !== "transparent") {
      scene.recolour = await this.recolour(scene, filter, live);
    }
    return scene;
  }

  private async recolour(scene: Scene, filter: FilterKind, live: boolean): Promise<Recolour | null> {
    const { guide, alpha, cells } = scene;
    const behind = this.behind(scene);
    if (filter === "color-transfer") return colourTransfer(guide, alpha, behind);
    if (filter === "seamless") return seamless(guide, alpha, behind, cells.height, cells.width, { side: live ? 48 : 80 });
    const input = harmonizerInput(guide, alpha, behind, cells.height, cells.width);
    if (!input) return null;
    const numbers = await this.engine.ask({ kind: "harmonize", composite: input });
    const transform = smoothed(live ? this.transform : null, numbers, PAST);
    if (live) this.transform = transform;
    return transformOf(transform);
  }

  /** The background in the cells of the guide, as it will lie behind the (unmirrored) person: RGB bytes. */
  private behind(scene: Scene): Uint8Array {
    const { width, height } = scene.cells;
    const context = this.scratch.getContext("2d", { willReadFrequently: true })!;
    Object.assign(this.scratch, { width, height });
    if (scene.backdrop) {
      if (scene.mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
      const shape = scene.frame;
      context.drawImage(scene.backdrop.source, ...cover(scene.backdrop, shape.width, shape.height), 0, 0, width, height);
    } else if (scene.look === "color") {
      context.fillStyle = `rgb(${scene.color.map((v) => Math.round(v * 255)).join(" ")})`;
      context.fillRect(0, 0, width, height);
    } else return scene.guide;
    const rgba = context.getImageData(0, 0, width, height).data;
    const rgb = new Uint8Array(width * height * 3);
    for (let i = 0, j = 0; j < rgb.length; i += 4, j += 3) {
      rgb[j] = rgba[i];
      rgb[j + 1] = rgba[i + 1];
      rgb[j + 2] = rgba[i + 2];
    }
    return rgb;
  }

  /** What the worker shall draw by itself; null where the picture's colours are to change, which needs the matte here. */
  async drawing(settings: Settings, backdrop: Backdrop): Promise<Drawing | null> {
    const { look, filter, color, blur, mirrored } = settings;
    if (!["alpha", "smoothstep"].includes(filter) && look !== "none" && look !== "transparent") return null;
    const drawing: Drawing = { look, color, blur, mirrored, edge: edgeOf(settings), backdrop: null };
    if (look === "image" || look === "video") {
      const { source, width, height, version } = backdrop;
      const known = this.sent?.backdrop === backdrop && this.sent.version === version;
      drawing.backdrop = { picture: known ? null : await createImageBitmap(source), width, height };
      this.sent = { backdrop, version };
    }
    return drawing;
  }

  /** The worker starts anew: it knows no backdrop. */
  forget(): void {
    this.sent = null;
  }

  /** Draw a scene, or show what the worker has drawn. */
  draw(what: Scene | ImageBitmap): void {
    const picture = what instanceof ImageBitmap ? what : null;
    const { width, height } = what instanceof ImageBitmap ? what : what.frame;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    if (picture) {
      this.context.setTransform(1, 0, 0, 1, 0, 0);
      this.context.clearRect(0, 0, width, height);
      this.context.drawImage(picture, 0, 0);
    } else this.renderer.draw(what as Scene, this.context);
    this.drawnBy = picture ? "WebGPU" : this.renderer.name;
    this.canvas.classList.remove("empty");
  }

  /** Nothing is shown until the first matte is there. */
  clear(): void {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.canvas.classList.add("empty");
  }
}
