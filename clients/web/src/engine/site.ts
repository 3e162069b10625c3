/** What the site offers: `models.json` beside the page, and the best way to run it in this browser. */

import type { Accelerator } from "./litert";

export interface Site {
  models: { name: string; summary: string; spec: string }[];
  harmonizer: string | null;
}

export const BASE = new URL("./", document.baseURI).href;
export const ENGINE = `${BASE}litert/`;
export const LIST = `${BASE}models.json`;

export async function readSite(): Promise<Site> {
  const response = await fetch(LIST);
  if (!response.ok) throw new Error(`models.json could not be loaded (${response.status})`);
  const site = (await response.json()) as Site;
  if (!site.models?.length) throw new Error("models.json lists no model");
  return site;
}

export const absolute = (address: string): string => new URL(address, BASE).href;

/** `?accelerator=wasm|webgpu` and `?threads=N` in the address decide; else what the browser has. */
export async function bestPlacement(query: URLSearchParams): Promise<{ accelerator: Accelerator; threads: number }> {
  const cores = navigator.hardwareConcurrency || 1;
  const wanted = Number(query.get("threads")) || Math.min(4, cores);
  const threads = self.crossOriginIsolated ? Math.max(1, wanted) : 1;
  const asked = query.get("accelerator");
  if (asked === "wasm" || asked === "webgpu") return { accelerator: asked, threads };
  return { accelerator: (await hasGraphicsCard()) ? "webgpu" : "wasm", threads };
}

/** Software emulations of a graphics card are slower than WebAssembly. */
async function hasGraphicsCard(): Promise<boolean> {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return !!adapter && !adapter.info.isFallbackAdapter;
  } catch {
    return false;
  }
}
