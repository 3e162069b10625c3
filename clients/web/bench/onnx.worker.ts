/** ONNX Runtime Web in a worker of its own, with the app's pre- and post-processing, as LiteRT.js runs in the app's. */

import * as ort from "onnxruntime-web/wasm";
import { parseSpec } from "../src/engine/spec";
import { prepare, readAlpha } from "../src/engine/tensors";

export interface Open {
  spec: string;
  where: string;
  file: string;
  scripts: string;
  threads: number;
}
export interface Seen {
  alpha: Float32Array;
  height: number;
  width: number;
  network: number;
  frame: ImageBitmap;
}

const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { willReadFrequently: true })!;
let run: (frame: ImageBitmap) => Promise<Seen>;

async function open({ spec: text, where, file, scripts, threads }: Open): Promise<null> {
  ort.env.wasm.wasmPaths = scripts;
  ort.env.wasm.numThreads = threads;
  const spec = parseSpec(text, where);
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const [metadata] = session.inputMetadata;
  if (!metadata.isTensor) throw new Error("expected a tensor as input");
  const shape = metadata.shape.map((n) => (typeof n === "number" ? n : 1));
  const layout = shape[1] === spec.input.channels ? "nchw" : "nhwc";
  run = async (frame) => {
    const { width, height } = frame;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    context.drawImage(frame, 0, 0);
    const { tensor } = prepare({ data: context.getImageData(0, 0, width, height).data, width, height }, spec, layout);
    const started = performance.now();
    const outputs = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", tensor, shape) });
    const network = performance.now() - started;
    const alpha = readAlpha(outputs[spec.output.name].data as Float32Array, spec, layout);
    return { alpha, height: spec.input.size[0], width: spec.input.size[1], network, frame };
  };
  return null;
}

let queue: Promise<void> = Promise.resolve();
self.addEventListener("message", (event: MessageEvent<Open | { frame: ImageBitmap }>) => {
  queue = queue.then(async () => {
    try {
      if ("frame" in event.data) {
        const seen = await run(event.data.frame);
        self.postMessage(seen, { transfer: [seen.frame, seen.alpha.buffer] });
      } else self.postMessage(await open(event.data));
    } catch (error) {
      self.postMessage({ error: String(error) });
    }
  });
});
