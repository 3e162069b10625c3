/** Messages between the page and the worker that runs the networks. */

import type { Accelerator, Placement } from "./litert";
import type { Drawing } from "../render/scene";
import type { Seen, Times } from "./matter";
import type { Pixels } from "./tensors";

export type Request =
  | { kind: "load"; engine: string; model: string; harmonizer: string | null; accelerator: Accelerator; threads: number; compose: boolean }
  | { kind: "see"; frame: ImageBitmap; live: boolean }
  | { kind: "draw"; frame: ImageBitmap; drawing: Drawing }
  | { kind: "harmonize"; composite: Float32Array }
  | { kind: "check"; model: string; image: Pixels }
  | { kind: "reset" };

/** A live frame with its matte. */
export type Matted = Seen & { frame: ImageBitmap; placement: Placement };
/** A live frame, composed on the graphics card; `compose` is the milliseconds of that. */
export interface Drawn {
  picture: ImageBitmap;
  times: Times & { compose: number };
  placement: Placement;
}

export interface Answers {
  /** `composes`: the worker can be asked to draw. `engine`: the addresses that it was loaded from. */
  load: { name: string; placement: Placement; composes: boolean; engine: string[] };
  see: Matted;
  /** Matted where the graphics card has been lost meanwhile. */
  draw: Drawn | Matted;
  harmonize: Float32Array;
  check: { alpha: Float32Array; tensor: Float32Array };
  reset: null;
}

export type Numbered = Request & { id: number };
export type Reply = { id: number; answer: unknown } | { id: number; error: string };
