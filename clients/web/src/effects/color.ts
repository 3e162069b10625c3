/** sRGB and CIE L*a*b* (D65), colours in 0..1, L in 0..100. */

const toLinear = (v: number): number => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const toSrgb = (v: number): number => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);
const f = (t: number): number => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
const g = (t: number): number => (t > 6 / 29 ? t ** 3 : (t - 16 / 116) / 7.787);

const LINEAR = Float32Array.from({ length: 256 }, (_, i) => toLinear(i / 255));

/** One 8-bit colour as L, a, b. */
export function rgbToLab(red: number, green: number, blue: number): [number, number, number] {
  const [r, gr, b] = [LINEAR[red], LINEAR[green], LINEAR[blue]];
  const x = f((0.412453 * r + 0.35758 * gr + 0.180423 * b) / 0.950456);
  const y = 0.212671 * r + 0.71516 * gr + 0.072169 * b;
  const z = f((0.019334 * r + 0.119193 * gr + 0.950227 * b) / 1.088754);
  const lightness = y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
  return [lightness, 500 * (x - f(y)), 200 * (f(y) - z)];
}

/** L, a, b as red, green, blue in 0..255, limited, not rounded. */
export function labToRgb(lightness: number, a: number, b: number): [number, number, number] {
  const fy = (lightness + 16) / 116;
  const y = lightness > 8 ? fy ** 3 : lightness / 903.3;
  const x = 0.950456 * g(f(y) + a / 500);
  const z = 1.088754 * g(f(y) - b / 200);
  return [
    3.240479 * x - 1.53715 * y - 0.498535 * z,
    -0.969256 * x + 1.875991 * y + 0.041556 * z,
    0.055648 * x - 0.204043 * y + 1.057311 * z,
  ].map((v) => 255 * Math.min(1, toSrgb(Math.max(0, v)))) as [number, number, number];
}
