/** The worker: networks and pre-processing away from the page, so that buttons answer while a frame is worked on. */

import { type Accelerator, loadEngine } from "./litert";
import { type Loaded, Matter, loadModel } from "./matter";
import type { Numbered, Reply, Request } from "./protocol";
import type { Pixels } from "./tensors";

let matter: Matter | null = null;
let harmonizerUrl: string | null = null;
let harmonizer: Promise<Loaded> | null = null;
let accelerator: Accelerator = "wasm";
let canvas: OffscreenCanvas | null = null;

function pixels(frame: ImageBitmap): Pixels {
  const { width, height } = frame;
  if (!canvas || canvas.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(frame, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}

async function answer(request: Request): Promise<[unknown, Transferable[]]> {
  switch (request.kind) {
    case "load": {
      await loadEngine(request.engine, request.threads);
      accelerator = request.accelerator;
      const next = await Matter.load(request.model, accelerator);
      matter?.close();
      matter = next;
      harmonizerUrl = request.harmonizer;
      return [{ name: matter.spec.name, placement: matter.placement }, []];
    }
    case "see": {
      if (!matter) throw new Error("no model is loaded");
      const seen = await matter.see(pixels(request.frame), request.live);
      // The guide stays here for the next frame: a copy travels.
      return [{ ...seen, guide: seen.guide.slice(), alpha: seen.alpha.slice(), frame: request.frame }, [request.frame]];
    }
    case "harmonize": {
      if (!harmonizerUrl) throw new Error("this site has no harmonizer");
      harmonizer ??= loadModel(harmonizerUrl, "wasm");
      const { spec, session } = await harmonizer;
      const outputs = await session.run({ [spec.input.name]: request.composite });
      return [outputs[spec.output.name], []];
    }
    case "check": {
      const model = await Matter.load(request.model, accelerator);
      const { alpha, tensor } = await model.infer(request.image);
      model.close();
      return [{ alpha, tensor }, []];
    }
    case "reset":
      matter?.reset();
      return [null, []];
  }
}

let queue: Promise<void> = Promise.resolve();

self.addEventListener("message", (event: MessageEvent<Numbered>) => {
  const { id } = event.data;
  queue = queue.then(async () => {
    try {
      const [result, transfer] = await answer(event.data);
      (self as unknown as Worker).postMessage({ id, answer: result } satisfies Reply, transfer);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      self.postMessage({ id, error: text } satisfies Reply);
    }
  });
});
