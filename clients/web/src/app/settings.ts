/** What the user has chosen, and how that becomes a scene. */

import type { LookKind, Scene } from "../render/scene";

export const LOOKS: [LookKind, string][] = [
  ["none", "None"], ["blur", "Blur"], ["bokeh", "Bokeh"], ["color", "Colour"], ["image", "Picture"], ["video", "Clip"],
  ["transparent", "Transparent"],
];
export type FilterKind = "alpha" | "smoothstep" | "color-transfer" | "seamless" | "harmonize";
export const FILTERS: [FilterKind, string][] = [
  ["alpha", "Alpha"], ["smoothstep", "Smooth-step"], ["color-transfer", "Colour transfer"], ["seamless", "Seamless"],
  ["harmonize", "Harmonise"],
];

export interface Settings {
  look: LookKind;
  filter: FilterKind;
  threshold: number;
  softness: number;
  color: [number, number, number];
  blur: number;
  mirrored: boolean;
}

export const DEFAULTS: Settings = {
  look: "blur", filter: "alpha", threshold: 0.5, softness: 0.2, color: [0, 177 / 255, 64 / 255], blur: 0.02, mirrored: true,
};

/** The value after `now`, round and round. */
export function nextOf<T>(list: [T, string][], now: T): T {
  return list[(list.findIndex(([value]) => value === now) + 1) % list.length][0];
}

export function edgeOf(settings: Settings): Scene["edge"] {
  if (settings.filter !== "smoothstep") return null;
  const { threshold, softness } = settings;
  return { low: Math.max(0, threshold - softness), high: Math.min(1, threshold + softness) };
}

export function parseColor(text: string): [number, number, number] {
  return [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16) / 255) as [number, number, number];
}
