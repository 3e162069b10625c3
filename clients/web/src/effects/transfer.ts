/** Colour transfer (Reinhard et al. 2001, in CIE L*a*b*): the person gets mean and spread of the background's colours. */

import { rgbToLab } from "./color";
import type { Recolour } from "./recolour";

const SURE = 242 / 255;
const LIKELY = 128 / 255;
const [LEAST, MOST] = [0.5, 2];
const STILL = 0.5;

interface Statistics {
  mean: number[];
  sigma: number[];
}

/** `person` and `background` RGB bytes, `alpha` 0..1 of the same cells; null when there is nobody. */
export function colourTransfer(
  person: Uint8Array, alpha: Float32Array, background: Uint8Array, strength = 0.5,
): Recolour | null {
  const own = statistics(person, (i) => alpha[i] >= SURE) ?? statistics(person, (i) => alpha[i] >= LIKELY);
  const wanted = statistics(background, () => true);
  if (!own || !wanted) return null;
  const gain = own.sigma.map((sigma, c) => {
    const ratio = sigma > STILL ? Math.min(MOST, Math.max(LEAST, wanted.sigma[c] / Math.max(sigma, STILL))) : 1;
    return 1 + strength * (ratio - 1);
  });
  const offset = own.mean.map((mean, c) => mean + strength * (wanted.mean[c] - mean) - gain[c] * mean);
  return { kind: "lab", gain, offset };
}

function statistics(rgb: Uint8Array, counts: (cell: number) => boolean): Statistics | null {
  const sum = [0, 0, 0];
  const square = [0, 0, 0];
  let cells = 0;
  for (let i = 0, j = 0; j < rgb.length; i++, j += 3) {
    if (!counts(i)) continue;
    cells++;
    rgbToLab(rgb[j], rgb[j + 1], rgb[j + 2]).forEach((v, c) => {
      sum[c] += v;
      square[c] += v * v;
    });
  }
  if (!cells) return null;
  const mean = sum.map((s) => s / cells);
  return { mean, sigma: square.map((s, c) => Math.sqrt(Math.max(0, s / cells - mean[c] ** 2))) };
}
