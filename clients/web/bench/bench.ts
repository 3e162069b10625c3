/**
 * The benchmark's page: LiteRT.js, ONNX Runtime Web and MediaPipe's selfie segmentation behind one interface, fed by the
 * same camera or the same pictures, composed by the same renderer. `benchmarks/web.py` drives it.
 */

import { Engine } from "../src/engine/client";
import type { Accelerator } from "../src/engine/litert";
import { bestPlacement } from "../src/engine/site";
import { Canvas2DRenderer } from "../src/render/canvas2d";
import type { Drawing, Renderer, Scene } from "../src/render/scene";
import { WebGLRenderer } from "../src/render/webgl";
import type { Open, Seen } from "./onnx.worker";
import OnnxWorker from "./onnx.worker?worker";

interface Answer {
  frame: ImageBitmap;
  alpha: Float32Array;
  guide?: Uint8Array;
  height: number;
  width: number;
  /** Milliseconds of the network alone; for MediaPipe everything between picture and mask. */
  network: number;
}
/** Composed by the worker, whose graphics card kept the mask. */
interface Picture {
  picture: ImageBitmap;
  network: number;
}
type Segment = (frame: ImageBitmap) => Promise<Answer | Picture>;

const DRAWING: Drawing = { look: "color", color: [0, 0.7, 0.25], blur: 0, edge: null, mirrored: true, backdrop: null };

declare class SelfieSegmentation {
  constructor(options: { locateFile: (file: string) => string });
  setOptions(options: { modelSelection: number; selfieMode: boolean }): void;
  onResults(callback: (results: { segmentationMask: CanvasImageSource & { width: number; height: number } }) => void): void;
  initialize(): Promise<void>;
  send(input: { image: CanvasImageSource }): Promise<void>;
}

const canvas = new OffscreenCanvas(1, 1);

function read(source: CanvasImageSource, width: number, height: number): Uint8ClampedArray {
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

async function engineFor(model: string, accelerator: Accelerator, threads: number, compose: boolean): Promise<Engine> {
  const engine = new Engine();
  const best = await bestPlacement(new URLSearchParams({ accelerator, threads: String(threads) }));
  const folder = new URL("litert/", location.href).href;
  const answer = await engine.ask({ kind: "load", engine: folder, model, harmonizer: null, compose, ...best });
  if (answer.placement.accelerator !== accelerator || answer.composes !== compose) throw new Error(`no ${accelerator} here`);
  return engine;
}

async function litert(model: string, threads: number): Promise<Segment> {
  const engine = await engineFor(model, "wasm", threads, false);
  return async (frame) => {
    const seen = await engine.ask({ kind: "see", frame, live: false }, [frame]);
    return { ...seen, network: seen.times.network };
  };
}

/** On the graphics card, the frames steadied; with `stays` the mask never leaves it. */
async function webgpu(model: string, stays: boolean): Promise<Segment> {
  const engine = await engineFor(model, "webgpu", 1, stays);
  return async (frame) => {
    const seen = stays
      ? await engine.ask({ kind: "draw", frame, drawing: DRAWING }, [frame])
      : await engine.ask({ kind: "see", frame, live: true }, [frame]);
    return { ...seen, network: seen.times.network };
  };
}

async function onnx(model: string, file: string, threads: number): Promise<Segment> {
  const worker = new OnnxWorker();
  const ask = <T>(message: Open | { frame: ImageBitmap }, transfer: Transferable[] = []): Promise<T> =>
    new Promise((resolve, reject) => {
      const heard = ({ data }: MessageEvent): void => {
        worker.removeEventListener("message", heard);
        if (data?.error) reject(new Error(data.error));
        else resolve(data);
      };
      worker.addEventListener("message", heard);
      worker.postMessage(message, transfer);
    });
  const here = (path: string): string => new URL(path, location.href).href;
  await ask({ spec: await (await fetch(model)).text(), where: model, file: here(file), scripts: here("ort/"), threads });
  return inTurn((frame) => ask<Seen>({ frame }, [frame]));
}

/** One frame at a time. */
function inTurn(segment: Segment): Segment {
  let queue: Promise<unknown> = Promise.resolve();
  return (frame) => {
    const next = queue.then(() => segment(frame));
    queue = next.catch(() => undefined);
    return next;
  };
}

async function mediapipe(landscape: boolean): Promise<Segment> {
  await new Promise<void>((resolve, reject) => {
    const script = Object.assign(document.createElement("script"), { src: "mediapipe/selfie_segmentation.js" });
    script.onload = () => resolve();
    script.onerror = () => reject(new Error("MediaPipe could not be loaded"));
    document.head.append(script);
  });
  const segmenter = new SelfieSegmentation({ locateFile: (file) => `mediapipe/${file}` });
  segmenter.setOptions({ modelSelection: landscape ? 1 : 0, selfieMode: false });
  let answer: (mask: CanvasImageSource) => void = () => undefined;
  segmenter.onResults((results) => answer(results.segmentationMask));
  await segmenter.initialize();
  const [height, width] = [256, 256];
  const source = document.createElement("canvas");
  return inTurn(async (frame) => {
    Object.assign(source, { width: frame.width, height: frame.height });
    source.getContext("2d")!.drawImage(frame, 0, 0);
    const started = performance.now();
    const mask = await new Promise<CanvasImageSource>((resolve, reject) => {
      answer = resolve;
      segmenter.send({ image: source }).catch(reject);
    });
    const network = performance.now() - started;
    const data = read(mask, width, height);
    // The mask is in the red channel and, premultiplied, in alpha: alpha is the safe one to read.
    const alpha = Float32Array.from({ length: height * width }, (_, i) => data[4 * i + 3] / 255);
    return { alpha, height, width, network, frame };
  });
}

let segment: Segment;
let renderer: Renderer = new Canvas2DRenderer();

async function open(engine: string, model: string, file: string, threads: number): Promise<void> {
  const address = new URL(model, location.href).href;
  if (engine.startsWith("webgpu")) renderer = new WebGLRenderer(true);
  if (engine === "litert") segment = await litert(address, threads);
  else if (engine === "onnxruntime") segment = await onnx(address, file, threads);
  else if (engine.startsWith("webgpu")) segment = await webgpu(address, engine === "webgpu-stays");
  else segment = await mediapipe(engine === "mediapipe-landscape");
}

const bitmap = async (address: string): Promise<ImageBitmap> => createImageBitmap(await (await fetch(address)).blob());

/** Alpha of one picture as bytes. */
async function still(address: string): Promise<{ alpha: number[]; height: number; width: number }> {
  const answer = await segment(await bitmap(address));
  if ("picture" in answer) throw new Error("the mask stays on the graphics card");
  const { alpha, height, width } = answer;
  return { alpha: Array.from(alpha, (v) => Math.round(v * 255)), height, width };
}

const sceneOf = (seen: Answer): Scene => ({
  ...DRAWING, backdrop: null, frame: seen.frame, alpha: seen.alpha, guide: seen.guide ?? new Uint8Array(), cells: seen, recolour: null,
});

function show(answer: Answer | Picture, target: CanvasRenderingContext2D): void {
  if ("picture" in answer) target.drawImage(answer.picture, 0, 0);
  else renderer.draw(sceneOf(answer), target);
  ("picture" in answer ? answer.picture : answer.frame).close();
}

/**
 * Camera to composed picture for so many seconds, one frame with the engine while the one before is drawn, as in the
 * app: frames per second, and the network's milliseconds.
 */
async function live(seconds: number): Promise<{ fps: number; network: number[]; frames: number }> {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  await video.play();
  const output = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  document.body.replaceChildren(output);
  const context = output.getContext("2d")!;
  const network: number[] = [];
  let waiting: Promise<Answer | Picture> | null = null;
  const step = async (): Promise<void> => {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const next = segment(await createImageBitmap(video));
    if (waiting) {
      const answer = await waiting;
      show(answer, context);
      network.push(answer.network);
    }
    waiting = next;
  };
  for (let i = 0; i < 4; i++) await step();
  network.length = 0;
  const started = performance.now();
  while (performance.now() - started < seconds * 1000) await step();
  const fps = network.length / ((performance.now() - started) / 1000);
  await waiting;
  (video.srcObject as MediaStream).getTracks().forEach((track) => track.stop());
  return { fps, network, frames: network.length };
}

/** The same frames with the mask on the graphics card and with the mask read back: how far masks and pictures differ. */
async function compare(model: string, addresses: string[]): Promise<{ alpha: number; picture: number; pictureMean: number }> {
  const address = new URL(model, location.href).href;
  const [stays, leaves] = [await engineFor(address, "webgpu", 1, true), await engineFor(address, "webgpu", 1, false)];
  const most = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
    let result = 0;
    for (let i = 0; i < a.length; i++) result = Math.max(result, Math.abs(a[i] - b[i]));
    return result;
  };
  const result = { alpha: 0, picture: 0, pictureMean: 0 };
  const last = addresses.length - 1;
  for (const [i, name] of addresses.entries()) {
    const [frame, copy] = [await bitmap(name), await bitmap(name)];
    const seen = await leaves.ask({ kind: "see", frame, live: true }, [frame]);
    if (i < last) {
      const kept = await stays.ask({ kind: "see", frame: copy, live: true }, [copy]);
      result.alpha = Math.max(result.alpha, most(seen.alpha, kept.alpha));
      continue;
    }
    const drawn = await stays.ask({ kind: "draw", frame: copy, drawing: DRAWING }, [copy]);
    if (!("picture" in drawn)) throw new Error("the graphics card was lost");
    const { width, height } = drawn.picture;
    const output = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d")!;
    new WebGLRenderer(true).draw(sceneOf({ ...seen, network: 0 }), output);
    const [a, b] = [output.getImageData(0, 0, width, height).data, read(drawn.picture, width, height)];
    result.picture = most(a, b);
    result.pictureMean = a.reduce((sum, v, k) => sum + Math.abs(v - b[k]), 0) / a.length;
  }
  stays.close();
  leaves.close();
  return result;
}

Object.assign(window, { open_: open, still, live, compare });
