/** Learned harmonisation: the network looks at a small composite and answers with one colour transform. */

import { resize } from "../engine/resize";
import type { Recolour } from "./recolour";

const KNOTS = 9;
const CURVE = 3 * KNOTS;
export const SIDE = 96;
const VISIBLE = 0.002;

/** The network's input `[96,96,4]`: composite and matte in 0..1; null when there is nobody. */
export function harmonizerInput(
  picture: Uint8Array, alpha: Float32Array, background: Uint8Array, height: number, width: number,
): Float32Array | null {
  const front = resize(picture, height, width, SIDE, SIDE, { channels: 3 });
  const back = resize(background, height, width, SIDE, SIDE, { channels: 3 });
  const a = resize(alpha, height, width, SIDE, SIDE);
  const input = new Float32Array(SIDE * SIDE * 4);
  let share = 0;
  for (let i = 0; i < SIDE * SIDE; i++) {
    for (let c = 0; c < 3; c++) input[4 * i + c] = (back[3 * i + c] + (front[3 * i + c] - back[3 * i + c]) * a[i]) / 255;
    input[4 * i + 3] = a[i];
    share += a[i];
  }
  return share / (SIDE * SIDE) < VISIBLE ? null : input;
}

/** The 66 numbers of the answer as curves, matrix, curves. */
export function transformOf(numbers: Float32Array): Recolour {
  return {
    kind: "curves",
    first: table(numbers.subarray(0, CURVE)),
    matrix: Array.from(numbers.subarray(CURVE, CURVE + 12)),
    second: table(numbers.subarray(CURVE + 12)).map((v) => Math.min(1, Math.max(0, v))),
  };
}

/** A moving average over the frames of a stream: `past` 0..1 is the weight of what was. */
export function smoothed(before: Float32Array | null, now: Float32Array, past: number): Float32Array {
  return before ? now.map((v, i) => past * before[i] + (1 - past) * v) : now;
}

function table(knots: Float32Array): Float32Array {
  const result = new Float32Array(256 * 3);
  for (let c = 0; c < 3; c++) {
    const rising: number[] = [];
    for (let k = 0; k < KNOTS; k++) rising.push(Math.max(knots[c * KNOTS + k], k ? rising[k - 1] : -Infinity));
    for (let level = 0; level < 256; level++) {
      const position = (level / 255) * (KNOTS - 1);
      const low = Math.min(KNOTS - 2, Math.floor(position));
      result[3 * level + c] = rising[low] + (rising[low + 1] - rising[low]) * (position - low);
    }
  }
  return result;
}
