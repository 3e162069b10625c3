import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { labToRgb, rgbToLab } from "../src/effects/color";
import { harmonizerInput, transformOf } from "../src/effects/harmonize";
import { encodePng } from "../src/effects/png";
import { recolourPixels } from "../src/effects/recolour";
import { seamless } from "../src/effects/seamless";
import { colourTransfer } from "../src/effects/transfer";
import { distance, readVectors, rgba } from "./vectors";

const vectors = await readVectors("vectors.npz");
const image = vectors.image.data as Uint8Array;
const backdrop = vectors.backdrop.data as Uint8Array;
const alpha = vectors.alpha.data as Float32Array;
const [height, width] = vectors.image.shape;
const inside = (i: number): boolean => alpha[(i / 4) | 0] > 0.01;

test("L*a*b* there and back", () => {
  let most = 0;
  for (let i = 0; i < image.length; i += 3) {
    const lab = rgbToLab(image[i], image[i + 1], image[i + 2]);
    most = Math.max(most, distance(lab, vectors.lab.data.slice(i, i + 3)));
    most = Math.max(most, distance(labToRgb(...lab), image.subarray(i, i + 3)));
  }
  expect(most).toBeLessThan(0.6);
});

test("colour transfer as in Python", () => {
  const data = rgba(image);
  recolourPixels(data, width, height, colourTransfer(image, alpha, backdrop)!);
  const wanted = rgba(vectors.transfer.data);
  expect(distance(data, wanted, inside)).toBeLessThanOrEqual(6); // dark, saturated colours at the edge of the gamut
  const differences = [...data].map((v, i) => (inside(i) ? Math.abs(v - wanted[i]) : 0));
  expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(0.3);
  expect(colourTransfer(image, new Float32Array(alpha.length), backdrop)).toBeNull();
});

test("seamless cloning solves the same equation as Python", () => {
  const found = seamless(image, alpha, backdrop, height, width, { strength: 1, side: 80 })!;
  if (found.kind !== "add") throw new Error(found.kind);
  const own = (i: number): boolean => alpha[(i / 3) | 0] > 0.01;
  expect(distance(found.change.map((v) => v * 255), vectors.membrane.data, own)).toBeLessThan(3);
  expect(seamless(image, new Float32Array(alpha.length), backdrop, height, width)).toBeNull();
  expect(seamless(image, new Float32Array(alpha.length).fill(1), backdrop, height, width)).toBeNull();
});

test("the harmoniser's transform as in Python", () => {
  const data = rgba(image);
  recolourPixels(data, width, height, transformOf(vectors.numbers.data as Float32Array));
  expect(distance(data, rgba(vectors.recoloured.data))).toBeLessThanOrEqual(2);
  const input = harmonizerInput(image, alpha, backdrop, height, width)!;
  expect(input.length).toBe(96 * 96 * 4);
  expect(Math.max(...input)).toBeLessThanOrEqual(1);
  expect(harmonizerInput(image, new Float32Array(alpha.length), backdrop, height, width)).toBeNull();
});

test("PNG keeps colours under low alpha", async () => {
  const pixels = Uint8Array.of(200, 100, 50, 1, 10, 20, 30, 255, 1, 2, 3, 0, 255, 255, 255, 128);
  const file = new Uint8Array(await (await encodePng(pixels, 2, 2)).arrayBuffer());
  const view = new DataView(file.buffer);
  const length = view.getUint32(33);
  const rows = inflateSync(file.subarray(41, 41 + length));
  const found = new Uint8Array(16);
  for (let y = 0; y < 2; y++) for (let i = 0; i < 8; i++) found[y * 8 + i] = rows[y * 9 + 1 + i] + (y ? found[i] : 0);
  expect([...found]).toEqual([...pixels]);
});
