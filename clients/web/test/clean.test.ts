import { expect, test } from "vitest";
import { fadeUnsure } from "../src/engine/clean";
import { distance, readVectors } from "./vectors";

const { pieces, faded } = await readVectors("vectors.npz");
const [count, height, width] = pieces.shape;
const cells = height * width;

test("pieces that the network is nowhere sure of fade as in Python", () => {
  for (let i = 0; i < count; i++) {
    const alpha = (pieces.data as Float32Array).slice(i * cells, (i + 1) * cells);
    const found = fadeUnsure(alpha, height, width);
    expect(distance(found, faded.data.slice(i * cells, (i + 1) * cells))).toBeLessThan(1e-6);
    expect(distance(alpha, pieces.data.slice(i * cells, (i + 1) * cells))).toBe(0);
  }
});

test("a matte without doubt is handed through", () => {
  const person = (pieces.data as Float32Array).slice(2 * cells, 3 * cells);
  expect(fadeUnsure(person, height, width)).toBe(person);
});

test("rows do not join round the edge of the picture", () => {
  const alpha = new Float32Array(12);
  alpha[3] = 0.5; // the last of the first row, and the first of the second
  alpha[4] = 1;
  expect([...fadeUnsure(alpha, 3, 4)]).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
});

test("the worst case, single cells everywhere, is one piece each or one in all", () => {
  const [h, w] = [64, 64];
  const apart = Float32Array.from({ length: h * w }, (_, i) => ((i / w) & 1 || i & 1 ? 0 : 0.5));
  expect(Math.max(...fadeUnsure(apart, h, w))).toBe(0);
  const chess = Float32Array.from({ length: h * w }, (_, i) => (((i / w) ^ i) & 1 ? 0 : i < (h * w) / 4 ? 1 : 0.5));
  expect(fadeUnsure(chess, h, w)).toBe(chess);
});
