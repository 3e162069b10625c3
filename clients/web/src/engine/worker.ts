/** The worker: networks and pre-processing away from the page, so that buttons answer while a frame is worked on. */

import { CardRenderer } from "../render/webgpu";
import { CardMask } from "./card";
import { engineFiles, graphicsCard, loadEngine } from "./litert";
import { type Loaded, Matter, type Model, compile, fetchModel } from "./matter";
import type { Drawn, Matted, Numbered, Reply, Request } from "./protocol";
import type { Pixels } from "./tensors";

type Load = Extract<Request, { kind: "load" }>;

let loaded: Load | null = null;
let model: Model | null = null;
let matter: Matter | null = null;
let harmonizer: Loaded | null = null;
let canvas: OffscreenCanvas | null = null;
/** Mask and renderer on the graphics card that the network runs on. */
let card: { mask: CardMask; renderer: CardRenderer } | null = null;
let lost = false;

function pixels(frame: ImageBitmap): Pixels {
  const { width, height } = frame;
  if (!canvas || canvas.width !== width || canvas.height !== height) canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(frame, 0, 0);
  return { data: context.getImageData(0, 0, width, height).data, width, height };
}

async function load(request: Load): Promise<Matter> {
  await loadEngine(request.engine, request.threads);
  if (request.accelerator === "webgpu" && !loaded) void graphicsCard()?.lost.then(() => { lost = true; });
  const next = await fetchModel(request.model);
  // The model before makes room: there are not threads enough for two.
  const before = model;
  matter?.close();
  matter = null;
  try {
    return await put(next, request);
  } catch (error) {
    if (before && loaded) await put(before, loaded);
    throw error;
  }
}

async function put(next: Model, request: Load): Promise<Matter> {
  const compiled = await compile(next, lost ? "wasm" : request.accelerator);
  const composes = request.compose && compiled.session.placement.accelerator === "webgpu";
  card = composes ? (card ?? (await openCard())) : null;
  [loaded, model] = [request, next];
  return (matter = new Matter(compiled, card?.mask));
}

async function openCard(): Promise<typeof card> {
  const device = graphicsCard();
  try {
    return device && { renderer: await CardRenderer.create(device), mask: new CardMask(device) };
  } catch (error) {
    console.warn("the mask does not stay on the graphics card:", error);
    return null;
  }
}

/** Do something with a frame; when the graphics card was lost meanwhile, once more without it. */
async function tried<T>(action: (matter: Matter) => Promise<T>): Promise<T> {
  if (!matter || !loaded) throw new Error("no model is loaded");
  const onCard = matter.placement.accelerator === "webgpu";
  try {
    const result = await action(matter);
    if (!onCard || !lost) return result;
  } catch (error) {
    // An error of the card may be told before the loss of the card is.
    await new Promise((resolve) => setTimeout(resolve));
    if (!onCard || !lost) throw error;
  }
  return action(await load(loaded));
}

async function see(frame: ImageBitmap, live: boolean): Promise<[Matted, Transferable[]]> {
  const seen = await tried((matter) => matter.see(pixels(frame), live));
  // The guide stays here for the next frame: a copy travels.
  const guide = seen.guide.slice();
  const alpha = seen.alpha.slice();
  return [{ ...seen, guide, alpha, frame, placement: matter!.placement }, [frame, guide.buffer, alpha.buffer]];
}

async function draw({ frame, drawing }: Extract<Request, { kind: "draw" }>): Promise<[Drawn | Matted, Transferable[]]> {
  const drawn = await tried(async (matter): Promise<Drawn | null> => {
    if (!card) return null;
    const { guide, times } = await matter.seeOnCard(pixels(frame));
    const start = performance.now();
    const picture = card.renderer.draw(frame, card.mask, guide, drawing);
    await card.mask.device.queue.onSubmittedWorkDone();
    return { picture, times: { ...times, compose: performance.now() - start }, placement: matter.placement };
  });
  if (!drawn) {
    drawing.backdrop?.picture?.close();
    return see(frame, true);
  }
  frame.close();
  return [drawn, [drawn.picture]];
}

async function answer(request: Request): Promise<[unknown, Transferable[]]> {
  switch (request.kind) {
    case "load": {
      const { spec, placement } = await load(request);
      return [{ name: spec.name, placement, composes: card !== null, engine: engineFiles }, []];
    }
    case "see":
      return see(request.frame, request.live);
    case "draw":
      return draw(request);
    case "harmonize": {
      if (!loaded?.harmonizer) throw new Error("this site has no harmonizer");
      harmonizer ??= await compile(await fetchModel(loaded.harmonizer), "wasm", 1);
      const { spec, session } = harmonizer;
      return [await session.answer({ [spec.input.name]: request.composite }, spec.output.name), []];
    }
    case "check": {
      const checked = new Matter(await compile(await fetchModel(request.model), loaded?.accelerator ?? "wasm"));
      const { alpha, tensor } = await checked.infer(request.image);
      checked.close();
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
