import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { expandHalf, halfToFloat } from "../src/engine/half";
import { fileFor, parseSpec } from "../src/engine/spec";
import { here } from "./vectors";

const ZOO = "../../../pocketmatte/zoo/weights";

test("numbers in half precision: signs, subnormal ones, infinity", () => {
  const bits = [0x0000, 0x8001, 0x03ff, 0x0400, 0x3555, 0xbc00, 0x7bff, 0xfc00];
  const values = [0, -(2 ** -24), 1023 * 2 ** -24, 2 ** -14, 0.333251953125, -1, 65504, -Infinity];
  expect(bits.map(halfToFloat)).toEqual(values);
  expect(halfToFloat(0x7e00)).toBeNaN();
});

describe("weight files of the zoo", () => {
  for (const name of readdirSync(here(ZOO))) {
    const file = fileFor(parseSpec(readFileSync(here(`${ZOO}/${name}/spec.json`), "utf8"), name), "litert");
    test(`${name}, ${file.precision}`, () => {
      const bytes = new Uint8Array(readFileSync(here(`${ZOO}/${name}/${file.file}`)));
      const kept = bytes.slice();
      const expanded = expandHalf(bytes);
      expect(Buffer.compare(bytes, kept)).toBe(0);
      if (file.precision === "fp16") expect(expanded.length).toBeGreaterThan(2.5 * bytes.length);
      else expect(expanded).toBe(bytes);
      expect(expandHalf(expanded)).toBe(expanded);
    });
  }
});
