/** Pictures to network tensors and back, driven by the spec alone. */

import { type Geometry, place, resize } from "./resize";
import type { Layout, ModelSpec } from "./spec";

/** 8-bit RGBA pixels row by row, as `ImageData` has them. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** The image tensor, the picture it was made of (RGB, `geometry.height x width`), and where that lies in the grid. */
export interface Prepared {
  tensor: Float32Array;
  small: Uint8Array;
  geometry: Geometry;
}

/** RGBA pixels -> float32 `[1,h,w,c]` or `[1,c,h,w]` as the spec's input says; a fourth channel is 0. */
export function prepare(image: Pixels, spec: ModelSpec, layout: Layout): Prepared {
  const { size, mean, std, color, pad, channels, filter, resize: kind } = spec.input;
  const geometry = place([image.height, image.width], size, kind);
  const small = resize(image.data, image.height, image.width, geometry.height, geometry.width, {
    channels: 3, step: 4, filter,
  }) as Uint8Array;
  const [height, width] = size;
  const tensor = new Float32Array(height * width * channels);
  const [pixelStep, planeStep] = layout === "nhwc" ? [channels, 1] : [1, height * width];
  for (let c = 0; c < 3; c++) {
    const gain = 1 / (255 * std[c]);
    const offset = mean[c] / std[c];
    const from = color === "rgb" ? c : 2 - c;
    if (geometry.height !== height || geometry.width !== width) {
      const empty = pad * gain - offset;
      for (let i = 0, o = c * planeStep; i < height * width; i++, o += pixelStep) tensor[o] = empty;
    }
    for (let y = 0; y < geometry.height; y++) {
      let o = ((y + geometry.top) * width + geometry.left) * pixelStep + c * planeStep;
      let i = y * geometry.width * 3 + from;
      for (let x = 0; x < geometry.width; x++, i += 3, o += pixelStep) tensor[o] = small[i] * gain - offset;
    }
  }
  return { tensor, small, geometry };
}

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** The output tensor (batch 1) -> alpha in 0..1 at network size. */
export function readAlpha(values: Float32Array, spec: ModelSpec, layout: Layout): Float32Array {
  const cells = spec.input.size[0] * spec.input.size[1];
  const maps = values.length / cells;
  if (!Number.isInteger(maps) || maps < 1) {
    throw new Error(`model ${spec.name}: expected an output of ${cells} cells, found ${values.length} numbers`);
  }
  const { kind, channel } = spec.output;
  const at = maps === 1 || layout === "nhwc"
    ? (i: number, c: number) => values[i * maps + c]
    : (i: number, c: number) => values[c * cells + i];
  const alpha = new Float32Array(cells);
  for (let i = 0; i < cells; i++) {
    const own = at(i, maps === 1 ? 0 : channel);
    const value = kind === "alpha" ? own : sigmoid(kind === "logits" ? own : own - at(i, 1 - channel));
    alpha[i] = Math.min(1, Math.max(0, value));
  }
  return alpha;
}

/** The part of a net-sized map that the picture covers. */
export function crop(map: Float32Array, spec: ModelSpec, geometry: Geometry): Float32Array {
  const [height, width] = spec.input.size;
  if (geometry.height === height && geometry.width === width) return map;
  const result = new Float32Array(geometry.height * geometry.width);
  for (let y = 0; y < geometry.height; y++) {
    const from = (y + geometry.top) * width + geometry.left;
    result.set(map.subarray(from, from + geometry.width), y * geometry.width);
  }
  return result;
}
