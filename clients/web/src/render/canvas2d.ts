/** The renderer for browsers without WebGL2, and while a WebGL context is lost: no refinement by the frame. */

import { recolourPixels } from "../effects/recolour";
import { resize } from "../engine/resize";
import { type Renderer, type Scene, cover } from "./scene";

function canvas(width: number, height: number): [HTMLCanvasElement, CanvasRenderingContext2D] {
  const element = document.createElement("canvas");
  element.width = width;
  element.height = height;
  return [element, element.getContext("2d", { willReadFrequently: true })!];
}

export function stepped(alpha: number, edge: Scene["edge"]): number {
  if (!edge) return alpha;
  const t = Math.min(1, Math.max(0, (alpha - edge.low) / Math.max(edge.high - edge.low, 1e-3)));
  return t * t * (3 - 2 * t);
}

export class Canvas2DRenderer implements Renderer {
  readonly name = "Canvas 2D";

  draw(scene: Scene, target: CanvasRenderingContext2D): void {
    const { width, height } = scene.frame;
    target.setTransform(1, 0, 0, 1, 0, 0);
    target.clearRect(0, 0, width, height);
    const flip = (): void => {
      if (scene.mirrored) target.setTransform(-1, 0, 0, 1, width, 0);
    };
    if (scene.look === "none") {
      flip();
      target.drawImage(scene.frame, 0, 0);
      target.setTransform(1, 0, 0, 1, 0, 0);
      return;
    }
    if (scene.look === "color") {
      target.fillStyle = `rgb(${scene.color.map((v) => Math.round(v * 255)).join(" ")})`;
      target.fillRect(0, 0, width, height);
    } else if (scene.look === "blur" || scene.look === "bokeh") {
      flip();
      this.blurred(scene, target);
      target.setTransform(1, 0, 0, 1, 0, 0);
    } else if (scene.backdrop && scene.look !== "transparent") {
      target.drawImage(scene.backdrop.source, ...cover(scene.backdrop, width, height), 0, 0, width, height);
    }
    flip();
    target.drawImage(this.person(scene), 0, 0);
    target.setTransform(1, 0, 0, 1, 0, 0);
  }

  cutout(scene: Scene): Uint8ClampedArray {
    const { width, height } = scene.frame;
    const [, context] = canvas(width, height);
    if (scene.mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    context.drawImage(scene.frame, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    if (scene.recolour) recolourPixels(data, width, height, scene.recolour);
    const alpha = resize(scene.alpha, scene.cells.height, scene.cells.width, height, width) as Float32Array;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = y * width + (scene.mirrored ? width - 1 - x : x);
        data[4 * (y * width + x) + 3] = 255 * stepped(alpha[from], scene.edge);
      }
    }
    return data;
  }

  dispose(): void {}

  private person(scene: Scene): HTMLCanvasElement {
    const { width, height } = scene.frame;
    const [element, context] = canvas(width, height);
    context.drawImage(scene.frame, 0, 0);
    if (scene.recolour) {
      const pixels = context.getImageData(0, 0, width, height);
      recolourPixels(pixels.data, width, height, scene.recolour);
      context.putImageData(pixels, 0, 0);
    }
    const { cells, alpha } = scene;
    const [mask, maskContext] = canvas(cells.width, cells.height);
    const values = maskContext.createImageData(cells.width, cells.height);
    for (let i = 0; i < alpha.length; i++) values.data[4 * i + 3] = 255 * stepped(alpha[i], scene.edge);
    maskContext.putImageData(values, 0, 0);
    context.globalCompositeOperation = "destination-in";
    context.imageSmoothingEnabled = true;
    context.drawImage(mask, 0, 0, width, height);
    return element;
  }

  /** Shrinking by halves and enlarging again blurs at a cost that does not grow with the radius. */
  private blurred(scene: Scene, target: CanvasRenderingContext2D): void {
    const { width, height } = scene.frame;
    let [element, context] = canvas(width, height);
    context.drawImage(scene.frame, 0, 0);
    for (let radius = scene.blur * Math.max(width, height); radius > 1 && element.width > 4; radius /= 2) {
      const [next, nextContext] = canvas(Math.ceil(element.width / 2), Math.ceil(element.height / 2));
      nextContext.drawImage(element, 0, 0, next.width, next.height);
      [element, context] = [next, nextContext];
    }
    target.imageSmoothingQuality = "high";
    target.drawImage(element, 0, 0, width, height);
  }
}
