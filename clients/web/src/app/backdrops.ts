/** Backgrounds: three painted ones, a painted clip, and the user's own picture or clip. */

import type { Backdrop } from "../render/scene";

type Painter = (context: CanvasRenderingContext2D, width: number, height: number, seconds: number) => void;

const gradient = (context: CanvasRenderingContext2D, height: number, ...stops: string[]): CanvasGradient => {
  const made = context.createLinearGradient(0, 0, 0, height);
  stops.forEach((stop, i) => made.addColorStop(i / (stops.length - 1), stop));
  return made;
};

const dusk: Painter = (context, w, h) => {
  context.fillStyle = gradient(context, h, "#1b2a58", "#7a4a86", "#f08a5d", "#f9d56e");
  context.fillRect(0, 0, w, h);
  context.fillStyle = "#241a3a";
  context.beginPath();
  context.moveTo(0, h);
  for (let x = 0; x <= w; x += 8) context.lineTo(x, h * (0.78 - 0.06 * Math.sin(x / 90) - 0.03 * Math.sin(x / 37)));
  context.lineTo(w, h);
  context.fill();
};
const meadow: Painter = (context, w, h) => {
  context.fillStyle = gradient(context, h, "#6fb7f0", "#d6efff", "#9ed26a", "#4f8f3a");
  context.fillRect(0, 0, w, h);
};
const studio: Painter = (context, w, h) => {
  const light = context.createRadialGradient(w / 2, h * 0.45, 0, w / 2, h * 0.45, w * 0.7);
  light.addColorStop(0, "#d9d4cc");
  light.addColorStop(1, "#4c4a4a");
  context.fillStyle = light;
  context.fillRect(0, 0, w, h);
};
const waves: Painter = (context, w, h, seconds) => {
  context.fillStyle = gradient(context, h, "#04254d", "#0c6ea8", "#3fc1c9");
  context.fillRect(0, 0, w, h);
  for (let row = 0; row < 6; row++) {
    context.fillStyle = `rgb(255 255 255 / ${0.04 + 0.02 * row})`;
    context.beginPath();
    context.moveTo(0, h);
    const y = h * (0.35 + 0.11 * row);
    for (let x = 0; x <= w; x += 8) context.lineTo(x, y + 14 * Math.sin(x / (50 + 12 * row) + seconds * (0.6 + 0.2 * row)));
    context.lineTo(w, h);
    context.fill();
  }
};

const SIZE: [number, number] = [960, 720];

export class PaintedBackdrop implements Backdrop {
  readonly source = document.createElement("canvas");
  readonly width = SIZE[0];
  readonly height = SIZE[1];
  version = 0;

  constructor(readonly name: string, readonly moving: boolean, private readonly paint: Painter) {
    [this.source.width, this.source.height] = SIZE;
    this.at(0);
  }

  /** Show what a clip shows after so many seconds. */
  at(seconds: number): void {
    if (this.version && !this.moving) return;
    this.paint(this.source.getContext("2d")!, ...SIZE, seconds);
    this.version++;
  }

  thumbnail(): string {
    const small = document.createElement("canvas");
    [small.width, small.height] = [128, 96];
    small.getContext("2d")!.drawImage(this.source, 0, 0, 128, 96);
    return small.toDataURL("image/jpeg", 0.8);
  }
}

export const painted = (): PaintedBackdrop[] => [
  new PaintedBackdrop("Dusk", false, dusk), new PaintedBackdrop("Meadow", false, meadow),
  new PaintedBackdrop("Studio", false, studio), new PaintedBackdrop("Waves (moving)", true, waves),
];

/** The user's own file. Rejects with a sentence for the user when it cannot be shown. */
export async function ownBackdrop(file: File): Promise<{ backdrop: Backdrop; moving: boolean }> {
  if (!file.type.startsWith("video/")) {
    try {
      const source = await createImageBitmap(file, { imageOrientation: "from-image", premultiplyAlpha: "none" });
      return { backdrop: { source, width: source.width, height: source.height, version: 0 }, moving: false };
    } catch {
      throw new Error(`${file.name} cannot be shown: expected a picture or a clip that this browser can read.`);
    }
  }
  const video = Object.assign(document.createElement("video"), { muted: true, loop: true, playsInline: true });
  video.src = URL.createObjectURL(file);
  await new Promise<void>((resolve, reject) => {
    video.addEventListener("loadeddata", () => resolve(), { once: true });
    video.addEventListener("error", () => reject(new Error(`${file.name} is no clip that this browser can play.`)), { once: true });
  });
  await video.play();
  const backdrop = {
    source: video, width: video.videoWidth, height: video.videoHeight,
    get version() { return video.currentTime; },
  };
  return { backdrop, moving: true };
}
