/** The renderer for browsers without WebGL2, and while a WebGL context is lost: no refinement by the frame. */

import { recolourPixels } from "../effects/recolour";
import { resize } from "../engine/resize";
import { defocus } from "./defocus";
import { type Renderer, type Scene, cover } from "./scene";

/** As in shaders.ts: (1 - alpha) to this power says how purely a pixel is background. */
const PURE = 16;
/** Pixels: pictures whose blur has a larger radius are halved once more. */
const MOST = 5;

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
    context.globalCompositeOperation = "destination-in";
    context.drawImage(mask(cells, (i) => stepped(alpha[i], scene.edge)), 0, 0, width, height);
    return element;
  }

  /** Blur and bokeh of what is behind the person; shrunk first, so that the cost does not grow with the radius. */
  private blurred(scene: Scene, target: CanvasRenderingContext2D): void {
    const { width, height } = scene.frame;
    let [plate, context] = canvas(width, height);
    context.drawImage(scene.frame, 0, 0);
    context.globalCompositeOperation = "destination-out";
    const covered = widened(scene.alpha, scene.cells);
    context.drawImage(mask(scene.cells, (i) => 1 - (1 - covered[i]) ** PURE), 0, 0, width, height);
    let radius = scene.blur * Math.max(width, height);
    for (let halvings = 0; halvings < 2 || radius > MOST; halvings++, radius /= 2) {
      const [next, nextContext] = canvas(Math.ceil(plate.width / 2), Math.ceil(plate.height / 2));
      nextContext.drawImage(plate, 0, 0, next.width, next.height);
      [plate, context] = [next, nextContext];
    }
    const pixels = context.getImageData(0, 0, plate.width, plate.height);
    pixels.data.set(defocus(pixels.data, plate.width, plate.height, radius, scene.look === "bokeh"));
    context.putImageData(pixels, 0, 0);
    target.imageSmoothingQuality = "high";
    target.drawImage(plate, 0, 0, width, height);
  }
}

/** A canvas of the network's cells with one alpha for each; canvases enlarge it smoothly. */
function mask({ width, height }: Scene["cells"], alpha: (cell: number) => number): HTMLCanvasElement {
  const [element, context] = canvas(width, height);
  const values = context.createImageData(width, height);
  for (let i = 0; i < width * height; i++) values.data[4 * i + 3] = 255 * alpha(i);
  context.putImageData(values, 0, 0);
  return element;
}

/** Alpha with the person one cell wider: enlarged, a matte of cells may lie that far beside the true edge. */
function widened(alpha: Float32Array, { width, height }: Scene["cells"]): Float32Array {
  const result = new Float32Array(alpha.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let most = 0;
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row++) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column++) {
          most = Math.max(most, alpha[row * width + column]);
        }
      }
      result[y * width + x] = most;
    }
  }
  return result;
}
