import { readFileSync } from "node:fs";
import { type Tensor, readNpz } from "../src/engine/npz";

export const here = (path: string): URL => new URL(path, import.meta.url);
export const readVectors = (path: string): Promise<Record<string, Tensor>> => readNpz(new Uint8Array(readFileSync(here(path))));

export function distance(a: ArrayLike<number>, b: ArrayLike<number>, counts: (i: number) => boolean = () => true): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) if (counts(i)) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

/** RGB bytes -> RGBA, opaque. */
export function rgba(rgb: ArrayLike<number>): Uint8ClampedArray {
  const result = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let i = 0, o = 0; i < rgb.length; i += 3, o += 4) for (let c = 0; c < 3; c++) result[o + c] = rgb[i + c];
  return result;
}
