/** The live loop: one frame in the worker while the one before is drawn; what is shown always fits its own matte. */

import type { Engine } from "../engine/client";
import type { Camera } from "./camera";
import type { Matted } from "./stage";

export interface Times {
  capture: number;
  preprocess: number;
  network: number;
  temporal: number;
  compose: number;
  fps: number;
}

export class Loop {
  /** Moving averages, milliseconds per stage and frames per second. */
  times: Times | null = null;
  private run = 0;
  private last = 0;

  constructor(private readonly engine: Engine, private readonly camera: Camera) {}

  get running(): boolean {
    return this.run > 0 && this.camera.running;
  }

  stop(): void {
    this.run = 0;
    this.times = null;
  }

  /** Runs until `stop` or an error, which it throws. */
  async start(show: (matted: Matted) => Promise<void>): Promise<void> {
    const run = (this.run = performance.now());
    await this.engine.ask({ kind: "reset" });
    this.last = performance.now();
    let waiting: Promise<[Matted, number]> | null = null;
    try {
      while (this.run === run) {
        await this.camera.nextFrame();
        if (this.run !== run) break;
        const started = performance.now();
        const frame = await createImageBitmap(this.camera.video);
        const capture = performance.now() - started;
        const next = this.engine.ask({ kind: "see", frame, live: true }, [frame]).then((m): [Matted, number] => [m, capture]);
        next.catch(() => undefined); // heard when it is awaited
        if (waiting) await this.finish(waiting, show, run);
        waiting = next;
      }
    } finally {
      waiting?.then(([matted]) => matted.frame.close(), () => undefined);
    }
  }

  private async finish(waiting: Promise<[Matted, number]>, show: (matted: Matted) => Promise<void>, run: number): Promise<void> {
    const [matted, capture] = await waiting;
    if (this.run !== run) return matted.frame.close();
    const started = performance.now();
    await show(matted);
    const now = performance.now();
    matted.frame.close();
    const seen: Times = { capture, ...matted.times, compose: now - started, fps: 1000 / (now - this.last) };
    this.last = now;
    const before = this.times;
    this.times = before ? mapTimes(seen, (key, value) => before[key] * 0.9 + value * 0.1) : seen;
  }
}

function mapTimes(times: Times, change: (key: keyof Times, value: number) => number): Times {
  const result = { ...times };
  for (const key of Object.keys(times) as (keyof Times)[]) result[key] = change(key, times[key]);
  return result;
}
