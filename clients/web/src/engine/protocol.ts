/** Messages between the page and the worker that runs the networks. */

import type { Accelerator, Placement } from "./litert";
import type { Seen } from "./matter";
import type { Pixels } from "./tensors";

export type Request =
  | { kind: "load"; engine: string; model: string; harmonizer: string | null; accelerator: Accelerator; threads: number }
  | { kind: "see"; frame: ImageBitmap; live: boolean }
  | { kind: "harmonize"; composite: Float32Array }
  | { kind: "check"; model: string; image: Pixels }
  | { kind: "reset" };

export interface Answers {
  load: { name: string; placement: Placement };
  see: Seen & { frame: ImageBitmap };
  harmonize: Float32Array;
  check: { alpha: Float32Array; tensor: Float32Array };
  reset: null;
}

export type Numbered = Request & { id: number };
export type Reply = { id: number; answer: unknown } | { id: number; error: string };
