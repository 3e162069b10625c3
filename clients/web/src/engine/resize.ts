/**
 * The project's one way to resize: a pixel is a cell, its centre lies at 0.5, corners are never aligned. `area`
 * averages along an axis that shrinks and interpolates along one that grows; `bilinear` always interpolates.
 *
 * Bytes are rounded as OpenCV rounds them, for a network may answer a change of one grey level in some percent
 * of its input with several levels of alpha: areas are summed in single precision and rounded half to even after each
 * axis (once, where Python adds whole rows exactly), interpolation counts in 2048ths and drops remainders on the way.
 */

export type Filter = "area" | "bilinear";
export type Plane = Uint8Array | Uint8ClampedArray | Float32Array;

/** For every new cell the first old one, how many there are, and their weights one after the other. */
interface Taps {
  average: boolean;
  first: Int32Array;
  count: Int32Array;
  start: Int32Array;
  weights: Float32Array;
}

const known = new Map<string, Taps>();

function taps(size: number, old: number, filter: Filter): Taps {
  const key = `${size} ${old} ${filter}`;
  let found = known.get(key);
  if (!found) {
    if (known.size > 64) known.clear();
    found = filter === "area" && size < old ? areaTaps(size, old) : bilinearTaps(size, old);
    known.set(key, found);
  }
  return found;
}

function bilinearTaps(size: number, old: number): Taps {
  const lists: [number, number[]][] = [];
  for (let i = 0; i < size; i++) {
    const position = Math.min(Math.max(Math.fround((i + 0.5) * (old / size) - 0.5), 0), old - 1);
    const low = Math.min(Math.floor(position), Math.max(old - 2, 0));
    const share = Math.fround(position - low);
    lists.push(old === 1 ? [0, [1]] : [low, [1 - share, share]]);
  }
  return pack(lists, false);
}

function areaTaps(size: number, old: number): Taps {
  const lists: [number, number[]][] = [];
  const scale = old / size;
  for (let i = 0; i < size; i++) {
    const from = i * scale;
    const to = from + scale;
    const whole = Math.min(scale, old - from);
    const last = Math.min(Math.floor(to), old - 1);
    const first = Math.min(Math.ceil(from), last);
    const weights: number[] = [];
    if (first - from > 1e-3) weights.push((first - from) / whole);
    const start = first - weights.length;
    for (let cell = first; cell < last; cell++) weights.push(1 / whole);
    if (to - last > 1e-3) weights.push(Math.min(to - last, 1, whole) / whole);
    lists.push([start, weights]);
  }
  return pack(lists, true);
}

function pack(lists: [number, number[]][], average: boolean): Taps {
  const start = new Int32Array(lists.length);
  let total = 0;
  lists.forEach(([, weights], i) => {
    start[i] = total;
    total += weights.length;
  });
  return {
    average,
    first: Int32Array.from(lists, ([first]) => first),
    count: Int32Array.from(lists, ([, weights]) => weights.length),
    start,
    weights: Float32Array.from(lists.flatMap(([, weights]) => weights)),
  };
}

const TOGETHER = 4;
const NEAREST = 1.5 * 2 ** 52; // adding and subtracting it rounds a double half to even
const nearest = (x: number): number => x + NEAREST - NEAREST;

/**
 * Resize `height x width x step` values; of every `step` the first `channels` are taken over.
 *
 * Both axes interpolated in bytes is one operation with one rounding; everything else goes axis by axis.
 */
export function resize(
  source: Plane, height: number, width: number, newHeight: number, newWidth: number,
  options: { channels?: number; step?: number; filter?: Filter } = {},
): Plane {
  const { channels = 1, filter = "area" } = options;
  const step = options.step ?? channels;
  if (Math.min(height, width, newHeight, newWidth) < 1) {
    throw new Error(`cannot resize ${width}x${height} to ${newWidth}x${newHeight}: expected at least 1x1`);
  }
  const across = taps(newWidth, width, filter);
  const down = taps(newHeight, height, filter);
  const bytes = !(source instanceof Float32Array);
  // Sums of an interpolation along rows keep their eleven binary places until the columns are done.
  const whole = bytes && !across.average && !down.average;
  const once = bytes && across.average && rowsAreSummed(height, newHeight);
  const middle = alongRows(source, height, width, step, channels, across, bytes && !once, whole);
  const result = bytes ? new Uint8Array(newHeight * newWidth * channels) : new Float32Array(newHeight * newWidth * channels);
  alongColumns(middle, newHeight, newWidth * channels, down, bytes, whole, result);
  return result;
}

/** Where Python adds rows in integers before anything is rounded: many of them together, in sixteen bits. */
function rowsAreSummed(height: number, newHeight: number): boolean {
  let [repeats, rest] = [height, newHeight];
  while (rest) [repeats, rest] = [rest, repeats % rest];
  return repeats >= TOGETHER && height >= 2 * newHeight && (height / repeats) * 255 <= 65535;
}

function alongRows(
  source: Plane, height: number, width: number, step: number, channels: number, across: Taps, bytes: boolean, whole: boolean,
): Plane | Int32Array {
  const { first, count, start, weights, average } = across;
  const size = first.length;
  const length = height * size * channels;
  const middle = whole ? new Int32Array(length) : bytes ? new Uint8Array(length) : new Float32Array(length);
  const fixed = bytes && !average;
  for (let y = 0, out = 0; y < height; y++) {
    for (let x = 0; x < size; x++) {
      const from = (y * width + first[x]) * step;
      for (let c = 0; c < channels; c++, out++) {
        if (fixed) {
          const sum = count[x] === 1
            ? source[from + c] * 2048
            : source[from + c] * nearest(weights[start[x]] * 2048) + source[from + c + step] * nearest(weights[start[x] + 1] * 2048);
          middle[out] = whole ? sum : ((sum >> 9) + 2) >> 2;
          continue;
        }
        let sum = 0;
        for (let k = 0, i = from + c, w = start[x]; k < count[x]; k++, i += step, w++) {
          sum = Math.fround(sum + Math.fround(weights[w] * source[i]));
        }
        middle[out] = bytes ? nearest(sum) : sum;
      }
    }
  }
  return middle;
}

function alongColumns(
  middle: Plane | Int32Array, newHeight: number, stride: number, down: Taps, bytes: boolean, whole: boolean, result: Plane,
): void {
  const sums = new Float32Array(stride);
  for (let y = 0; y < newHeight; y++) {
    const { start, count, weights } = down;
    const top = down.first[y] * stride;
    const out = y * stride;
    if (bytes && !down.average) {
      const share = count[y] === 1 ? 0 : nearest(weights[start[y] + 1] * 2048);
      const rest = nearest(weights[start[y]] * 2048);
      const below = share ? top + stride : top;
      const places = whole ? 4 : -7;
      for (let i = 0; i < stride; i++) {
        const a = places > 0 ? middle[top + i] >> 4 : middle[top + i] << 7;
        const b = places > 0 ? middle[below + i] >> 4 : middle[below + i] << 7;
        result[out + i] = (((a * rest) >> 16) + ((b * share) >> 16) + 2) >> 2;
      }
      continue;
    }
    sums.fill(0);
    for (let k = 0; k < count[y]; k++) {
      const weight = weights[start[y] + k];
      const row = top + k * stride;
      for (let i = 0; i < stride; i++) sums[i] += Math.fround(weight * middle[row + i]);
    }
    if (bytes) for (let i = 0; i < stride; i++) result[out + i] = nearest(sums[i]);
    else result.set(sums, out);
  }
}

/** Where a picture lies on a network's grid: the cell `height x width` at `top`, `left`. */
export interface Geometry {
  top: number;
  left: number;
  height: number;
  width: number;
}

/** `squash` fills the grid; `letterbox` keeps the aspect and centres, an odd rest goes to the bottom or right. */
export function place(
  source: [number, number], net: [number, number], kind: "squash" | "letterbox",
): Geometry {
  if (kind === "squash") return { top: 0, left: 0, height: net[0], width: net[1] };
  const scale = Math.min(net[0] / source[0], net[1] / source[1]);
  const [height, width] = [0, 1].map((i) => Math.min(net[i], Math.max(1, Math.floor(source[i] * scale + 0.5))));
  return { top: (net[0] - height) >> 1, left: (net[1] - width) >> 1, height, width };
}
