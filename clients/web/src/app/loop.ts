/** The live loop: one frame in the worker while the one before is drawn; what is shown always fits its own matte. */

import type { Engine } from "../engine/client";
import type { Drawn, Matted } from "../engine/protocol";
import type { Drawing } from "../render/scene";
import type { Camera } from "./camera";

export interface Times {
  capture: number;
  preprocess: number;
  network: number;
  temporal: number;
  compose: number;
  fps: number;
}

export type Live = Matted | Drawn;
/** Draws a frame, unless `wanted` says that the camera was stopped or started anew meanwhile. */
export type Show = (live: Live, wanted: () => boolean) => Promise<void>;
const release = (live: Live): void => ("picture" in live ? live.picture : live.frame).close();

export class Loop {
  /** Moving averages, milliseconds per stage and frames per second. */
  times: Times | null = null;
  /** Called when no more frames will come, with the reason. */
  onStop: (reason: Error) => void = () => undefined;
  private run = 0;
  private last = 0;

  constructor(private readonly engine: Engine, private readonly camera: Camera) {}

  get running(): boolean {
    return this.run > 0 && this.camera.running;
  }

  stop(reason = new Error("Nothing was saved: the camera has stopped.")): void {
    this.run = 0;
    this.times = null;
    this.onStop(reason);
  }

  /**
   * Runs until `stop` or an error, which it throws. `order` says what the worker shall draw, or null where the page
   * draws and needs the matte.
   */
  async start(order: () => Promise<Drawing | null>, show: Show): Promise<void> {
    const run = (this.run = performance.now());
    let waiting: Promise<[Live, number]> | null = null;
    try {
      await this.engine.ask({ kind: "reset" });
      this.last = performance.now();
      while (this.run === run) {
        await this.camera.nextFrame();
        if (this.run !== run) break;
        const started = performance.now();
        const frame = await createImageBitmap(this.camera.video);
        const capture = performance.now() - started;
        const drawing = await order();
        const asked: Promise<Live> = drawing ? this.draw(frame, drawing) : this.engine.ask({ kind: "see", frame, live: true }, [frame]);
        const next = asked.then((live): [Live, number] => [live, capture]);
        next.catch(() => undefined); // heard when it is awaited
        if (waiting) await this.finish(waiting, show, run);
        waiting = next;
      }
    } catch (error) {
      if (this.run === run) this.stop(error as Error);
      throw error;
    } finally {
      waiting?.then(([live]) => release(live), () => undefined);
    }
  }

  private draw(frame: ImageBitmap, drawing: Drawing): Promise<Live> {
    const picture = drawing.backdrop?.picture;
    return this.engine.ask({ kind: "draw", frame, drawing }, picture ? [frame, picture] : [frame]);
  }

  private async finish(waiting: Promise<[Live, number]>, show: Show, run: number): Promise<void> {
    const [live, capture] = await waiting;
    if (this.run !== run) return release(live);
    const started = performance.now();
    await show(live, () => this.run === run);
    const now = performance.now();
    release(live);
    if (this.run !== run) return;
    const compose = now - started + ("picture" in live ? live.times.compose : 0);
    const seen: Times = { capture, ...live.times, compose, fps: 1000 / (now - this.last) };
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
