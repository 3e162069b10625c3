import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Filter, type Plane, resize } from "../src/engine/resize";
import { type ModelSpec, fileFor, parseSpec } from "../src/engine/spec";
import { Temporal } from "../src/engine/temporal";
import { crop, prepare, readAlpha } from "../src/engine/tensors";
import { distance, here, readVectors, rgba } from "./vectors";

const ZOO = "../../../pocketmatte/zoo/weights";
const vectors = await readVectors("vectors.npz");
const image = vectors.image.data as Uint8Array;
const [height, width] = vectors.image.shape;

function spec(changes: Partial<ModelSpec["input"]> = {}, output: Partial<ModelSpec["output"]> = {}): ModelSpec {
  const input = { name: "image", size: [48, 48], color: "rgb", mean: [0, 0, 0], std: [1, 1, 1], resize: "squash", filter: "area", pad: 128 };
  return parseSpec(JSON.stringify({
    schema: 1, name: "made up", files: [], input: { ...input, ...changes }, output: { name: "alpha", kind: "alpha", ...output },
  }), "test");
}

describe("golden vectors of every model", () => {
  for (const name of readdirSync(here(ZOO))) {
    const model = parseSpec(readFileSync(here(`${ZOO}/${name}/spec.json`), "utf8"), name);
    if (model.task !== "matting") continue;
    test(`${name}: the input tensor`, async () => {
      const golden = await readVectors(`${ZOO}/${name}/${model.golden}`);
      const [h, w] = golden.image.shape;
      const { tensor } = prepare({ data: rgba(golden.image.data), width: w, height: h }, model, "nhwc");
      // Stored in half precision; the network's own part is checked in a browser.
      expect(distance(tensor, golden.tensor.data)).toBeLessThan(0.002);
    });
  }
});

describe("resizing agrees with Python: areas bit for bit, interpolation but for a grey level in a few cells", () => {
  for (const name of Object.keys(vectors).filter((key) => key.startsWith("resize-"))) {
    test(name, () => {
      const [, h, w, filter] = name.split("-");
      const found = resize(image, height, width, Number(h), Number(w), { channels: 3, filter: filter as Filter });
      const wanted = vectors[name].data;
      const differing = [...found].filter((v, i) => v !== wanted[i]).length;
      expect(distance(found, wanted)).toBeLessThanOrEqual(filter === "area" && Number(w) < width ? 0 : 1);
      expect(differing / found.length).toBeLessThan(0.01);
    });
  }
  test("an empty size is refused", () => expect(() => resize(image, height, width, 0, 4, { channels: 3 })).toThrow("at least 1x1"));
});

describe("tensors", () => {
  const picture = { data: rgba(image), width, height };
  test("letterbox, padding and the way back", () => {
    const letterboxed = spec({ resize: "letterbox" });
    const { tensor, geometry } = prepare(picture, letterboxed, "nhwc");
    expect(distance(tensor.map((v) => v * 255), vectors.letterbox.data)).toBeLessThan(1e-4);
    const map = Float32Array.from({ length: 48 * 48 }, (_, i) => i);
    const inner = crop(map, letterboxed, geometry);
    expect(inner.length).toBe(geometry.height * geometry.width);
    expect(inner[0]).toBe(geometry.top * 48 + geometry.left);
  });
  test("layout, colour order, mean, std and the fourth channel", () => {
    const changes = { mean: [0.1, 0.2, 0.3], std: [0.5, 0.6, 0.7], color: "bgr", channels: 4 } as const;
    const asRead = prepare(picture, spec(), "nhwc").tensor;
    const planes = prepare(picture, spec({ ...changes, mean: [...changes.mean], std: [...changes.std] }), "nchw").tensor;
    for (const [c, from] of [[0, 2], [1, 1], [2, 0]]) {
      for (const i of [0, 77, 2303]) {
        expect(planes[c * 2304 + i]).toBeCloseTo((asRead[3 * i + from] - changes.mean[c]) / changes.std[c], 5);
      }
    }
    expect(planes.subarray(3 * 2304).every((v) => v === 0)).toBe(true);
  });
  test("alpha, logits and two logits", () => {
    const cells = 48 * 48;
    const logits = Float32Array.from({ length: cells }, (_, i) => (i % 17) - 8);
    const wanted = logits.map((v) => 1 / (1 + Math.exp(-v)));
    expect(distance(readAlpha(logits, spec({}, { kind: "logits" }), "nhwc"), wanted)).toBeLessThan(1e-6);
    expect(readAlpha(logits, spec(), "nhwc")[0]).toBe(0);
    const pairs = new Float32Array(2 * cells);
    const planes = new Float32Array(2 * cells);
    logits.forEach((v, i) => {
      [pairs[2 * i], pairs[2 * i + 1]] = [1, v + 1];
      [planes[i], planes[cells + i]] = [1, v + 1];
    });
    const two = spec({}, { kind: "two-logits", channel: 1 });
    expect(distance(readAlpha(pairs, two, "nhwc"), wanted)).toBeLessThan(1e-5);
    expect(distance(readAlpha(planes, two, "nchw"), wanted)).toBeLessThan(1e-5);
    expect(() => readAlpha(logits.subarray(1), two, "nhwc")).toThrow("expected an output");
  });
});

test("frames of a stream agree as in Python, and a cut starts anew", () => {
  const temporal = new Temporal();
  const cells = height * width;
  for (let i = 0; i < 5; i++) {
    const frame = (vectors.frames.data as Uint8Array).slice(i * cells * 3, (i + 1) * cells * 3);
    expect(Number(temporal.isCut(frame, height, width))).toBe(vectors.cuts.data[i]);
    const steadied = temporal.steady((vectors.mattes.data as Float32Array).slice(i * cells, (i + 1) * cells), frame, height, width);
    expect(distance(steadied, vectors.steadied.data.slice(i * cells, (i + 1) * cells) as Plane)).toBeLessThan(1e-4);
  }
  expect(vectors.cuts.data).toContain(1);
});

test("descriptions that do not fit are refused with a reason", () => {
  expect(() => parseSpec("{", "x")).toThrow("expected JSON");
  expect(() => parseSpec('{"schema": 2}', "x")).toThrow("expected schema 1, found 2");
  expect(() => parseSpec('{"schema": 1, "name": "n"}', "x")).toThrow("files is missing");
  expect(() => fileFor(spec(), "litert")).toThrow("has no litert file");
});
