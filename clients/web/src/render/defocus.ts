/** The background out of focus without a graphics card: what the blur pass of shaders.ts computes, on a small picture. */

const LEAST = 8; // of 255: colours under less alpha have lost their digits
const FEW = 0.02;

/** Per pixel the weighted red, green, blue, and the weight. */
interface Weighed {
  values: Float32Array;
  width: number;
  height: number;
}

/**
 * RGBA bytes whose alpha says how surely a pixel is background, to opaque RGBA bytes. Each pixel becomes the mean of a
 * disc of `radius` pixels, weighted by alpha, so that the person's colours stay out; with `glow` lights count more, as
 * out-of-focus lights do in a lens.
 */
export function defocus(plate: Uint8ClampedArray, width: number, height: number, radius: number, glow: boolean): Uint8ClampedArray {
  const levels = [weighed(plate, width, height, glow)];
  const sums = runningSums(levels[0]);
  const result = new Uint8ClampedArray(plate.length).fill(255);
  const line = new Float32Array(4 * width);
  const reach = Math.floor(radius);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (let row = Math.max(-reach, -y); row <= reach && y + row < height; row++) {
      const half = Math.floor(Math.sqrt(radius * radius - row * row));
      addRow(line, sums, (y + row) * 4 * (width + 1), width, half);
    }
    for (let x = 0; x < width; x++) {
      let [from, at]: [Float32Array, number] = [line, 4 * x];
      // Deep inside the person the disc knows no colour: coarser levels do.
      for (let level = 1; from[at + 3] < FEW && (level < levels.length || coarser(levels)); level++) {
        const { values, width: columns } = levels[level];
        [from, at] = [values, 4 * ((y >> level) * columns + (x >> level))];
      }
      const weight = from[at + 3];
      const to = 4 * (y * width + x);
      for (let c = 0; c < 3; c++) {
        const mean = weight < FEW ? 0 : Math.max(0, from[at + c] / weight);
        result[to + c] = 255 * (glow ? Math.sqrt(mean) : mean);
      }
    }
  }
  return result;
}

function weighed(plate: Uint8ClampedArray, width: number, height: number, glow: boolean): Weighed {
  const values = new Float32Array(plate.length);
  for (let i = 0; i < plate.length; i += 4) {
    if (plate[i + 3] < LEAST) continue;
    let red = plate[i] / 255;
    let green = plate[i + 1] / 255;
    let blue = plate[i + 2] / 255;
    let weight = plate[i + 3] / 255;
    if (glow) {
      red *= red;
      green *= green;
      blue *= blue;
      const light = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
      weight *= 1 + 24 * light * light * light * light;
    }
    values[i] = weight * red;
    values[i + 1] = weight * green;
    values[i + 2] = weight * blue;
    values[i + 3] = weight;
  }
  return { values, width, height };
}

/** Per row the sums of all pixels before each one, and of the whole row: any piece of it costs one subtraction. */
function runningSums({ values, width, height }: Weighed): Float32Array {
  const sums = new Float32Array(4 * (width + 1) * height);
  for (let y = 0, from = 0, to = 4; y < height; y++, to += 4) {
    for (let i = 0; i < 4 * width; i++, from++, to++) sums[to] = sums[to - 4] + values[from];
  }
  return sums;
}

/** Add to each pixel of `line` the `half` pixels on both sides of it in one row, and the one between. */
function addRow(line: Float32Array, sums: Float32Array, start: number, width: number, half: number): void {
  for (let x = 0, i = 0; x < width; x++, i += 4) {
    const right = start + 4 * Math.min(width, x + half + 1);
    const left = start + 4 * Math.max(0, x - half);
    line[i] += sums[right] - sums[left];
    line[i + 1] += sums[right + 1] - sums[left + 1];
    line[i + 2] += sums[right + 2] - sums[left + 2];
    line[i + 3] += sums[right + 3] - sums[left + 3];
  }
}

/** Append the next level, half as large; false when the last one is a single pixel. */
function coarser(levels: Weighed[]): boolean {
  const fine = levels[levels.length - 1];
  if (fine.width * fine.height === 1) return false;
  const [width, height] = [(fine.width + 1) >> 1, (fine.height + 1) >> 1];
  const values = new Float32Array(4 * width * height);
  for (let y = 0, from = 0; y < fine.height; y++) {
    for (let x = 0; x < fine.width; x++) {
      const to = 4 * ((y >> 1) * width + (x >> 1));
      for (let c = 0; c < 4; c++, from++) values[to + c] += fine.values[from];
    }
  }
  levels.push({ values, width, height });
  return true;
}
