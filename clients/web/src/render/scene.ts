/** What a renderer is asked to draw. */

import type { Recolour } from "../effects/recolour";

export type LookKind = "none" | "blur" | "bokeh" | "color" | "image" | "video" | "transparent";

/** A picture or a playing clip to stand behind the person; covers the frame, centred. */
export interface Backdrop {
  source: ImageBitmap | HTMLVideoElement | HTMLCanvasElement;
  width: number;
  height: number;
  /** Changes whenever the source shows something new. */
  version: number;
}

export interface Scene {
  frame: ImageBitmap;
  /** Alpha in 0..1 and the picture (RGB bytes) in cells of the network's grid. */
  alpha: Float32Array;
  guide: Uint8Array;
  cells: { height: number; width: number };
  look: LookKind;
  /** RGB in 0..1. */
  color: [number, number, number];
  /** Radius of the blur as a share of the longer side. */
  blur: number;
  backdrop: Backdrop | null;
  /** Smooth-step: alpha below `low` is background, above `high` person; null leaves alpha as it is. */
  edge: { low: number; high: number } | null;
  recolour: Recolour | null;
  mirrored: boolean;
}

/** What the worker is asked to draw when the mask stays on the graphics card. */
export interface Drawing extends Pick<Scene, "look" | "color" | "blur" | "edge" | "mirrored"> {
  /** `picture` is null where the one sent before still holds. */
  backdrop: { picture: ImageBitmap | null; width: number; height: number } | null;
}

export interface Renderer {
  readonly name: string;
  /** Draw the scene on a 2D canvas of the frame's size. */
  draw(scene: Scene, target: CanvasRenderingContext2D): void;
  /** The person as straight RGBA bytes of the frame's size, top row first. */
  cutout(scene: Scene): Uint8ClampedArray;
  dispose(): void;
}

/** The part of a backdrop that covers a frame: x, y, width, height in its pixels. */
export function cover(backdrop: { width: number; height: number }, width: number, height: number): [number, number, number, number] {
  const scale = Math.min(backdrop.width / width, backdrop.height / height);
  const [w, h] = [width * scale, height * scale];
  return [(backdrop.width - w) / 2, (backdrop.height - h) / 2, w, h];
}
