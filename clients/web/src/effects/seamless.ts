/**
 * Seamless cloning: Poisson image editing (Pérez et al. 2003) with the person's own gradients is the person plus the
 * solution of Laplace's equation with `background - picture` on the rim. The solution is smooth, so it is found on a
 * small grid, coarse to fine; nothing is demanded where the person is cut off by the edge of the picture.
 */

import { resize } from "../engine/resize";
import type { Recolour } from "./recolour";

const ROUNDS = 80;

interface Level {
  values: Float32Array;
  free: Uint8Array;
  height: number;
  width: number;
}

/** `picture`, `background` RGB bytes and `alpha` 0..1, `height x width`; null when there is nobody or no rim. */
export function seamless(
  picture: Uint8Array, alpha: Float32Array, background: Uint8Array, height: number, width: number,
  { strength = 0.5, side = 80 } = {},
): Recolour | null {
  const scale = Math.min(1, side / Math.max(height, width));
  const [h, w] = [Math.max(1, Math.round(height * scale)), Math.max(1, Math.round(width * scale))];
  const front = resize(picture, height, width, h, w, { channels: 3 });
  const back = resize(background, height, width, h, w, { channels: 3 });
  const small = resize(alpha, height, width, h, w);
  const free = Uint8Array.from(small, (a) => (a >= 1 / 510 ? 1 : 0));
  const inside = free.reduce((a, b) => a + b, 0);
  if (inside === 0 || inside === free.length) return null;
  const values = Float32Array.from(front, (v, i) => (back[i] - v) / 255);
  const change = laplace({ values, free, height: h, width: w }).map((v) => v * strength);
  return { kind: "add", change, height: h, width: w };
}

function laplace(finest: Level): Float32Array {
  const pyramid = [finest];
  for (;;) {
    const last = pyramid[pyramid.length - 1];
    if (Math.max(last.height, last.width) <= 2 || last.free.every(Boolean)) break;
    pyramid.push(coarser(last));
  }
  const source = [...pyramid].reverse().find((level) => !level.free.every(Boolean))!;
  let filled: Float32Array = start(source, pyramid[pyramid.length - 1]);
  let before = pyramid[pyramid.length - 1];
  for (const level of [...pyramid].reverse()) {
    if (level !== before) {
      filled = doubled(filled, before, level);
    }
    filled = relax(level, filled);
    before = level;
  }
  return filled;
}

/** Twice the size, without the last row or column where the finer level is odd. */
function doubled(values: Float32Array, from: Level, to: Level): Float32Array {
  const grown = resize(values, from.height, from.width, 2 * from.height, 2 * from.width, { channels: 3, filter: "bilinear" });
  const result = new Float32Array(to.values.length);
  for (let y = 0; y < to.height; y++) {
    const row = y * 2 * from.width * 3;
    result.set(grown.subarray(row, row + to.width * 3), y * to.width * 3);
  }
  return result;
}

function start(source: Level, coarsest: Level): Float32Array {
  const mean = [0, 0, 0];
  let known = 0;
  source.free.forEach((free, i) => {
    if (free) return;
    known++;
    for (let c = 0; c < 3; c++) mean[c] += source.values[3 * i + c];
  });
  return Float32Array.from({ length: coarsest.values.length }, (_, i) => mean[i % 3] / known);
}

/** Averaging of the four neighbours with Chebyshev's acceleration (Golub and Varga 1961). */
function relax({ values, free, height, width }: Level, guess: Float32Array): Float32Array {
  let now = Float32Array.from(values, (v, i) => (free[(i / 3) | 0] ? guess[i] : v));
  let before = now.slice();
  const cells: number[] = [];
  free.forEach((f, i) => f && cells.push(i));
  const slowest = Math.cos(Math.PI / (2 * Math.max(height, width))) ** 2;
  let omega = 1;
  for (let turn = 0; turn < ROUNDS; turn++) {
    const next = before;
    for (const i of cells) {
      const x = i % width;
      const up = i >= width ? i - width : i;
      const down = i + width < free.length ? i + width : i;
      const left = x > 0 ? i - 1 : i;
      const right = x < width - 1 ? i + 1 : i;
      for (let c = 0; c < 3; c++) {
        const mean = (now[3 * up + c] + now[3 * down + c] + now[3 * left + c] + now[3 * right + c]) / 4;
        next[3 * i + c] += omega * (mean - next[3 * i + c]);
      }
    }
    before = now;
    now = next;
    omega = 1 / (1 - slowest * (turn === 0 ? 0.5 : omega / 4));
  }
  return now;
}

/** Halve; a cell is known if most of it is, and holds the mean of what is known in it. */
function coarser({ values, free, height, width }: Level): Level {
  const [h, w] = [(height + 1) >> 1, (width + 1) >> 1];
  const result: Level = { values: new Float32Array(h * w * 3), free: new Uint8Array(h * w), height: h, width: w };
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      let known = 0;
      const sum = [0, 0, 0];
      for (const [dy, dx] of [[0, 0], [0, 1], [1, 0], [1, 1]]) {
        const i = Math.min(height - 1, 2 * y + dy) * width + Math.min(width - 1, 2 * x + dx);
        if (free[i]) continue;
        known++;
        for (let c = 0; c < 3; c++) sum[c] += values[3 * i + c];
      }
      result.free[y * w + x] = known < 2 ? 1 : 0;
      for (let c = 0; c < 3; c++) result.values[3 * (y * w + x) + c] = known ? sum[c] / known : 0;
    }
  }
  return result;
}
