/**
 * Matte clean-up, as Python's `clean_matte` does with `unsure`: pieces that the network is nowhere sure of fade out.
 * A person has a certain middle; an animal or a thing that looks like half a person seldom has.
 */

// Of 255, rounded half to even: a level of 13 belongs to a piece, one of 242 is certain.
const FAINT = 12.5;
const CERTAIN = 241.5;
/** A piece fades as the share of it that is certain falls from the second to the first. */
const SURE = [0.02, 0.1];

/** Alpha in 0..1, `height x width` -> the same array when every piece is sure enough, else a new one. */
export function fadeUnsure(alpha: Float32Array, height: number, width: number): Float32Array {
  const pieces = new Pieces(alpha, height, width);
  const keep = pieces.sureness();
  if (keep.length && keep.every((share) => share === 1)) return alpha;
  // What is fainter than any piece goes with the best of them, or alone.
  const rest = keep.reduce((a, b) => Math.max(a, b), 0);
  const result = alpha.map((v) => v * rest);
  keep.forEach((share, run) => {
    for (let i = pieces.starts[run]; i < pieces.ends[run]; i++) result[i] = alpha[i] * share;
  });
  return result;
}

/** Runs of neighbouring cells in a row, joined to pieces: few of them, so this costs little more than one look at all. */
class Pieces {
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  private readonly certain: number[] = [];
  private readonly parents: number[] = [];

  constructor(alpha: Float32Array, height: number, width: number) {
    let above = 0;
    for (let y = 0; y < height; y++) {
      const row = this.starts.length;
      const end = (y + 1) * width;
      for (let i = y * width; i < end; i++) {
        if (!(alpha[i] * 255 > FAINT)) continue;
        const start = i;
        let certain = 0;
        for (; i < end && alpha[i] * 255 > FAINT; i++) if (alpha[i] * 255 >= CERTAIN) certain++;
        above = this.add(start, i, certain, above, row, width);
      }
      above = row;
    }
  }

  /** Note a run and join it to those of the row above, corners included. Returns the first that later runs may touch. */
  private add(start: number, end: number, certain: number, above: number, row: number, width: number): number {
    const run = this.starts.length;
    this.starts.push(start);
    this.ends.push(end);
    this.certain.push(certain);
    this.parents.push(run);
    while (above < row && this.ends[above] < start - width) above++;
    for (let other = above; other < row && this.starts[other] <= end - width; other++) {
      this.parents[this.root(other)] = this.root(run);
    }
    return above;
  }

  private root(run: number): number {
    const { parents } = this;
    while (parents[run] !== run) run = parents[run] = parents[parents[run]];
    return run;
  }

  /** How much of its piece each run keeps, 0..1. */
  sureness(): Float32Array {
    const count = this.starts.length;
    const [areas, certain] = [new Float64Array(count), new Float64Array(count)];
    const roots = this.parents.map((_, run) => this.root(run));
    roots.forEach((root, run) => {
      areas[root] += this.ends[run] - this.starts[run];
      certain[root] += this.certain[run];
    });
    return Float32Array.from(roots, (root) => {
      const share = (certain[root] / areas[root] - SURE[0]) / (SURE[1] - SURE[0]);
      return Math.min(1, Math.max(0, share));
    });
  }
}
