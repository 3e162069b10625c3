/** What a visit without a network needs, handed to the service worker: the first visit loads it before that worker is there. */

import { LIST } from "../engine/site";
import { fetchSpec } from "../engine/spec";

export class Offline {
  private needed: string[] = [];

  /** `kept` is called whenever everything has been kept. */
  constructor(private readonly kept: () => void) {
    // A new version of the worker begins with an empty cache.
    navigator.serviceWorker?.addEventListener("controllerchange", () => void this.ask());
  }

  /** Keep an engine, and models with their weights; a browser that cannot keep them goes on without. */
  async keep(engine: string[], specs: string[]): Promise<void> {
    if (!navigator.serviceWorker) return;
    try {
      const weights = await Promise.all(specs.map(async (url) => (await fetchSpec(url)).weights));
      this.needed = [LIST, ...engine, ...specs, ...weights];
      await this.ask();
    } catch (error) {
      console.warn("not kept for use without a network:", error);
    }
  }

  private async ask(): Promise<void> {
    if (!this.needed.length) return;
    const { active } = await navigator.serviceWorker.ready;
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<string>): void => {
      if (data) console.warn("not kept for use without a network:", data);
      else this.kept();
    };
    active?.postMessage({ keep: this.needed }, [port2]);
  }
}
