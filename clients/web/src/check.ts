/** The self-check page: every model's golden vectors, computed by this browser. */

import { Engine } from "./engine/client";
import { readNpz } from "./engine/npz";
import { ENGINE, absolute, bestPlacement, readSite } from "./engine/site";
import { parseSpec } from "./engine/spec";

/** Largest differences from the golden vectors; `alpha` must stay within `bound`. */
interface Result {
  name: string;
  accelerator: string;
  threads: number;
  tensor: number;
  alpha: number;
  bound: number;
  values: Float32Array;
}

const results: Result[] = [];
const table = document.querySelector("tbody")!;
const status = document.querySelector<HTMLElement>("[role=status]")!;

function distance(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Infinity;
  let most = 0;
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i] - b[i]));
  return most;
}

async function check(): Promise<void> {
  const site = await readSite();
  const engine = new Engine();
  const query = new URLSearchParams(location.search);
  const best = await bestPlacement(query);
  const only = query.get("model"); // `?model=NAME` for one alone
  for (const { name, spec: address } of site.models.filter((model) => !only || model.name === only)) {
    const url = absolute(address);
    const spec = parseSpec(await (await fetch(url)).text(), url);
    if (!spec.golden) continue;
    const vectors = await readNpz(new Uint8Array(await (await fetch(new URL(spec.golden, url))).arrayBuffer()));
    const [height, width] = vectors.image.shape;
    const rgba = new Uint8ClampedArray(height * width * 4).fill(255);
    for (let i = 0; i < height * width; i++) rgba.set(vectors.image.data.slice(3 * i, 3 * i + 3), 4 * i);
    const loaded = await engine.ask({ kind: "load", engine: ENGINE, model: url, harmonizer: null, compose: false, ...best });
    const { alpha, tensor } = await engine.ask({ kind: "check", model: url, image: { data: rgba, width, height } });
    const result = {
      name, ...loaded.placement, values: alpha,
      tensor: distance(tensor, vectors.tensor.data), alpha: distance(alpha, vectors.alpha.data),
      bound: vectors.bound.data[0],
    };
    results.push(result);
    const row = table.insertRow();
    const passed = result.alpha <= result.bound;
    for (const text of [name, `${result.accelerator}, ${result.threads} threads`, result.tensor.toFixed(4),
      result.alpha.toFixed(4), result.bound.toFixed(4), passed ? "passed" : "FAILED"]) {
      row.insertCell().textContent = text;
    }
  }
}

check().then(
  () => { status.textContent = results.every((r) => r.alpha <= r.bound) ? "All models passed." : "A model failed."; },
  (error: Error) => { status.textContent = `Could not run: ${error.message}`; },
).finally(() => Object.assign(window, { results, finished: true }));
