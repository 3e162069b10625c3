import { expect, test } from "vitest";
import { defocus } from "../src/render/defocus";

const [WIDTH, HEIGHT] = [40, 30];
type Colour = [number, number, number];

/** A picture from a function of place; alpha 0 where there is the person. */
function plate(colour: (x: number, y: number) => [...Colour, number]): Uint8ClampedArray {
  const data = new Uint8ClampedArray(4 * WIDTH * HEIGHT);
  for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) data.set(colour(x, y), 4 * (y * WIDTH + x));
  return data;
}
const at = (data: Uint8ClampedArray, x: number, y: number): number[] => [...data.subarray(4 * (y * WIDTH + x), 4 * (y * WIDTH + x) + 4)];

test("a bright person leaves no trace in the background, nor a hole", () => {
  const inside = (x: number, y: number): boolean => x >= 10 && x < 30 && y >= 8;
  const picture = plate((x, y) => (inside(x, y) ? [255, 255, 255, 0] : [40, 60, 80, 255]));
  for (const glow of [false, true]) {
    for (const radius of [0.7, 3.2, 8]) {
      const found = defocus(picture, WIDTH, HEIGHT, radius, glow);
      for (let i = 0; i < found.length; i++) expect(Math.abs(found[i] - [40, 60, 80, 255][i % 4])).toBeLessThanOrEqual(1);
    }
  }
});

test("a pixel that is half the person's counts half", () => {
  const picture = plate((x) => (x < 20 ? [0, 0, 0, 255] : [240, 240, 240, 128]));
  const [value] = at(defocus(picture, WIDTH, HEIGHT, 200, false), 20, 15);
  expect(Math.abs(value - 80)).toBeLessThanOrEqual(1);
});

test("bokeh makes discs of lights, blur drowns them", () => {
  const picture = plate((x, y) => (x === 20 && y === 15 ? [255, 255, 255, 255] : [20, 20, 20, 255]));
  const [blur, bokeh] = [false, true].map((glow) => defocus(picture, WIDTH, HEIGHT, 5, glow));
  expect(at(blur, 20, 15)[0]).toBeLessThan(30);
  expect(at(bokeh, 20, 15)[0]).toBeGreaterThan(100);
  expect(at(bokeh, 24, 15)).toEqual(at(bokeh, 20, 15)); // as bright at its rim as in its middle
  expect(at(bokeh, 26, 15)[0]).toBe(20);
});

test("a picture full of the person is black, not undefined", () => {
  const found = defocus(plate(() => [200, 200, 200, 0]), WIDTH, HEIGHT, 3, true);
  expect(at(found, 5, 5)).toEqual([0, 0, 0, 255]);
});
