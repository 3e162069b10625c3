/**
 * Frames of one video that agree. The past counts only where the picture has not changed, cell by cell, in units of
 * the camera's own noise; of two masks the surer one counts more. A cut starts anew.
 */

import { resize } from "./resize";

const CUT = 0.3;
const COARSE = 16;
export const PAST = 0.8;
const NOISE = 1.5;
const TOLERANCE = 3;
export const DOUBT = 0.3;
// A Gaussian of one cell in 256ths; sums are rounded to whole grey levels.
const KERNEL = Float32Array.from([14, 62, 104, 62, 14], (v) => v / 256);

/** Remembers one stream at the network's size. */
export class Temporal {
  private alpha: Float32Array | null = null;
  private guide: Uint8Array | null = null;
  private coarse: Float32Array | null = null;

  reset(): void {
    this.alpha = this.guide = this.coarse = null;
  }

  /** Whether `guide` (RGB) shows another scene than the one before; asked once per frame, in order. */
  isCut(guide: Uint8Array, height: number, width: number): boolean {
    const coarse = Float32Array.from(resize(guide, height, width, COARSE, COARSE, { channels: 3 }));
    const before = this.coarse;
    this.coarse = coarse;
    if (!before) return false;
    const [mean, spread] = moments(coarse);
    const [meanBefore, spreadBefore] = moments(before);
    let change = 0;
    for (let i = 0; i < coarse.length; i++) change += Math.abs(coarse[i] - mean - (before[i] - meanBefore));
    return change / coarse.length / Math.max(spread, spreadBefore, 8) > 2 * CUT;
  }

  /** How far each cell shows what it showed in the frame before, 0..1; null for the first frame. */
  stillness(guide: Uint8Array, height: number, width: number): Float32Array | null {
    const before = this.guide;
    this.guide = guide;
    if (!before || before.length !== guide.length) return null;
    const still = blur(difference(guide, before, height * width), height, width);
    const limit = TOLERANCE * Math.max(NOISE, sampledMedian(still, height, width));
    for (let i = 0; i < still.length; i++) still[i] = 1 / (1 + (still[i] / limit) ** 4);
    return still;
  }

  /** The mask of this frame, made to agree with the ones before. */
  steady(alpha: Float32Array, guide: Uint8Array, height: number, width: number): Float32Array {
    const past = this.alpha;
    const still = this.stillness(guide, height, width);
    let result = alpha;
    if (past && still) {
      result = new Float32Array(alpha.length);
      for (let i = 0; i < alpha.length; i++) {
        const sure = DOUBT + (1 - DOUBT) * Math.abs(2 * alpha[i] - 1);
        const wasSure = DOUBT + (1 - DOUBT) * Math.abs(2 * past[i] - 1);
        result[i] = alpha[i] + PAST * still[i] * Math.min(1, wasSure / sure) * (past[i] - alpha[i]);
      }
    }
    this.alpha = result;
    return result;
  }
}

function moments(values: Float32Array): [number, number] {
  let sum = 0;
  for (const v of values) sum += v;
  const mean = sum / values.length;
  let square = 0;
  for (const v of values) square += (v - mean) ** 2;
  return [mean, Math.sqrt(square / values.length)];
}

function difference(a: Uint8Array, b: Uint8Array, cells: number): Float32Array {
  const result = new Float32Array(cells);
  for (let i = 0, j = 0; i < cells; i++, j += 3) {
    result[i] = Math.max(Math.abs(a[j] - b[j]), Math.abs(a[j + 1] - b[j + 1]), Math.abs(a[j + 2] - b[j + 2]));
  }
  return result;
}

/** The picture is mirrored at its edge, the edge row not repeated. */
function blur(values: Float32Array, height: number, width: number): Float32Array {
  return along(along(values, height, width, width, 1), width, height, 1, width).map((v) => Math.floor(v + 0.5));
}

function along(values: Float32Array, lines: number, length: number, line: number, step: number): Float32Array {
  const half = KERNEL.length >> 1;
  const result = new Float32Array(values.length);
  const buffer = new Float32Array(length + 2 * half);
  for (let l = 0; l < lines; l++) {
    const base = l * line;
    for (let i = -half; i < length + half; i++) buffer[i + half] = values[base + mirror(i, length) * step];
    for (let i = 0; i < length; i++) {
      let sum = 0;
      for (let k = 0; k < KERNEL.length; k++) sum += KERNEL[k] * buffer[i + k];
      result[base + i * step] = sum;
    }
  }
  return result;
}

function mirror(i: number, length: number): number {
  if (length === 1) return 0;
  while (i < 0 || i >= length) i = i < 0 ? -i : 2 * length - 2 - i;
  return i;
}

function sampledMedian(values: Float32Array, height: number, width: number): number {
  const sample: number[] = [];
  for (let y = 0; y < height; y += 4) for (let x = 0; x < width; x += 4) sample.push(values[y * width + x]);
  const sorted = Float32Array.from(sample).sort();
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
