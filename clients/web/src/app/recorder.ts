/** Recording what is shown, as WebM or MP4, whichever the browser can write. */

const TYPES = {
  webm: ["video/webm;codecs=vp9", "video/webm;codecs=vp8", "video/webm"],
  mp4: ["video/mp4;codecs=avc1.42E01E", "video/mp4;codecs=avc1", "video/mp4"],
};
export type Container = keyof typeof TYPES;

export class Recorder {
  private recorder: MediaRecorder | null = null;

  get running(): boolean {
    return this.recorder !== null;
  }

  /** Throws with a sentence for the user when the browser cannot record. */
  start(canvas: HTMLCanvasElement, wanted: Container, done: (file: Blob, extension: Container) => void): void {
    if (typeof MediaRecorder === "undefined") throw new Error("This browser cannot record.");
    const order: Container[] = wanted === "mp4" ? ["mp4", "webm"] : ["webm", "mp4"];
    const container = order.find((kind) => TYPES[kind].some((type) => MediaRecorder.isTypeSupported(type)));
    if (!container) throw new Error("This browser cannot record.");
    const mimeType = TYPES[container].find((type) => MediaRecorder.isTypeSupported(type))!;
    const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType, videoBitsPerSecond: 5_000_000 });
    const parts: Blob[] = [];
    recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
    recorder.addEventListener("stop", () => done(new Blob(parts, { type: `video/${container}` }), container));
    recorder.start(1000);
    this.recorder = recorder;
  }

  stop(): void {
    this.recorder?.stop();
    this.recorder?.stream.getTracks().forEach((track) => track.stop());
    this.recorder = null;
  }
}

/** Hand a file to the user. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
