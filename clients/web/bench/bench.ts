/**
 * The benchmark's page: LiteRT.js, ONNX Runtime Web and MediaPipe's selfie segmentation behind one interface, fed by the
 * same camera or the same pictures, composed by the same renderer. `benchmarks/web.py` drives it.
 */

import * as ort from "onnxruntime-web/wasm";
import { Engine } from "../src/engine/client";
import { bestPlacement } from "../src/engine/site";
import { type ModelSpec, parseSpec } from "../src/engine/spec";
import { prepare, readAlpha } from "../src/engine/tensors";
import { Canvas2DRenderer } from "../src/render/canvas2d";

interface Answer {
  alpha: Float32Array;
  height: number;
  width: number;
  /** Milliseconds of the network alone; for MediaPipe everything between picture and mask. */
  network: number;
}
type Segment = (frame: ImageBitmap) => Promise<Answer>;

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

async function litert(model: string, threads: number): Promise<Segment> {
  const engine = new Engine();
  const best = await bestPlacement(new URLSearchParams({ accelerator: "wasm", threads: String(threads) }));
  await engine.ask({ kind: "load", engine: new URL("litert/", location.href).href, model, harmonizer: null, ...best });
  return async (frame) => {
    const copy = await createImageBitmap(frame);
    const seen = await engine.ask({ kind: "see", frame: copy, live: false }, [copy]);
    seen.frame.close();
    return { alpha: seen.alpha, height: seen.height, width: seen.width, network: seen.times.network };
  };
}

async function onnx(model: string, file: string, threads: number): Promise<Segment> {
  ort.env.wasm.wasmPaths = new URL("ort/", location.href).href;
  ort.env.wasm.numThreads = threads;
  const spec: ModelSpec = parseSpec(await (await fetch(model)).text(), model);
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const [metadata] = session.inputMetadata;
  if (!metadata.isTensor) throw new Error("expected a tensor as input");
  const shape = metadata.shape.map((n) => (typeof n === "number" ? n : 1));
  const layout = shape[1] === spec.input.channels ? "nchw" : "nhwc";
  return async (frame) => {
    const picture = { data: read(frame, frame.width, frame.height), width: frame.width, height: frame.height };
    const { tensor } = prepare(picture, spec, layout);
    const started = performance.now();
    const input = new ort.Tensor("float32", tensor, shape);
    const outputs = await session.run({ [session.inputNames[0]]: input });
    const network = performance.now() - started;
    const alpha = readAlpha(outputs[spec.output.name].data as Float32Array, spec, layout);
    return { alpha, height: spec.input.size[0], width: spec.input.size[1], network };
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
  return async (frame) => {
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
    return { alpha: Float32Array.from({ length: height * width }, (_, i) => data[4 * i + 3] / 255), height, width, network };
  };
}

let segment: Segment;

async function open(engine: string, model: string, file: string, threads: number): Promise<void> {
  if (engine === "litert") segment = await litert(new URL(model, location.href).href, threads);
  else if (engine === "onnxruntime") segment = await onnx(new URL(model, location.href).href, file, threads);
  else segment = await mediapipe(engine === "mediapipe-landscape");
}

/** Alpha of one picture as bytes. */
async function still(address: string): Promise<{ alpha: number[]; height: number; width: number }> {
  const frame = await createImageBitmap(await (await fetch(address)).blob());
  const { alpha, height, width } = await segment(frame);
  return { alpha: Array.from(alpha, (v) => Math.round(v * 255)), height, width };
}

/** Camera to composed picture for so many seconds: frames per second, and the network's milliseconds. */
async function live(seconds: number): Promise<{ fps: number; network: number[]; frames: number }> {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
  await video.play();
  const output = Object.assign(document.createElement("canvas"), { width: 640, height: 480 });
  document.body.replaceChildren(output);
  const renderer = new Canvas2DRenderer();
  const network: number[] = [];
  const step = async (): Promise<void> => {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const frame = await createImageBitmap(video);
    const seen = await segment(frame);
    renderer.draw({
      frame, alpha: seen.alpha, guide: new Uint8Array(), cells: seen, look: "color", color: [0, 0.7, 0.25], blur: 0,
      backdrop: null, edge: null, recolour: null, mirrored: true,
    }, output.getContext("2d")!);
    frame.close();
    network.push(seen.network);
  };
  for (let i = 0; i < 3; i++) await step();
  network.length = 0;
  const started = performance.now();
  while (performance.now() - started < seconds * 1000) await step();
  const fps = network.length / ((performance.now() - started) / 1000);
  (video.srcObject as MediaStream).getTracks().forEach((track) => track.stop());
  return { fps, network, frames: network.length };
}

Object.assign(window, { open_: open, still, live });
