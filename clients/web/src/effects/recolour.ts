/** What a filter does to the person's colours, small enough to hand to a shader; and the same on the CPU. */

import { labToRgb, rgbToLab } from "./color";

export type Recolour =
  | { kind: "lab"; gain: number[]; offset: number[] }
  /** Curves of 256 entries (RGB, 0..1), then a 3x4 matrix by rows, then curves again. */
  | { kind: "curves"; first: Float32Array; matrix: number[]; second: Float32Array }
  /** A smooth change (RGB, 0..1) to add, `height x width`, stretched over the picture. */
  | { kind: "add"; change: Float32Array; height: number; width: number };

/** Apply to 8-bit RGBA pixels in place. */
export function recolourPixels(data: Uint8ClampedArray, width: number, height: number, how: Recolour): void {
  if (how.kind === "lab") {
    const [gain, offset] = [how.gain, how.offset];
    for (let i = 0; i < data.length; i += 4) {
      const lab = rgbToLab(data[i], data[i + 1], data[i + 2]);
      const rgb = labToRgb(...(lab.map((v, c) => v * gain[c] + offset[c]) as [number, number, number]));
      for (let c = 0; c < 3; c++) data[i + c] = rgb[c];
    }
  } else if (how.kind === "curves") {
    const { first, matrix, second } = how;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = [0, 1, 2].map((c) => first[3 * data[i + c] + c]);
      for (let c = 0; c < 3; c++) {
        const value = matrix[4 * c] * r + matrix[4 * c + 1] * g + matrix[4 * c + 2] * b + matrix[4 * c + 3];
        data[i + c] = 255 * second[3 * Math.round(255 * Math.min(1, Math.max(0, value))) + c];
      }
    }
  } else {
    for (let y = 0; y < height; y++) {
      const [y0, y1, v] = between(y, height, how.height);
      for (let x = 0; x < width; x++) {
        const [x0, x1, u] = between(x, width, how.width);
        for (let c = 0; c < 3; c++) {
          const at = (row: number, column: number): number => how.change[3 * (row * how.width + column) + c];
          const top = at(y0, x0) * (1 - u) + at(y0, x1) * u;
          const bottom = at(y1, x0) * (1 - u) + at(y1, x1) * u;
          data[4 * (y * width + x) + c] += 255 * (top * (1 - v) + bottom * v);
        }
      }
    }
  }
}

function between(i: number, size: number, small: number): [number, number, number] {
  const position = Math.min(Math.max(((i + 0.5) * small) / size - 0.5, 0), small - 1);
  const low = Math.floor(position);
  return [low, Math.min(low + 1, small - 1), position - low];
}
