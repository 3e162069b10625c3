/** The camera, and in words what went wrong with it. */

export type Facing = "user" | "environment";

const REASONS: Record<string, string> = {
  NotAllowedError: "The camera may not be used: allow it in the browser's settings for this site, or open a photo.",
  NotFoundError: "No camera was found: connect one, or open a photo.",
  NotReadableError: "The camera is in use by another program: close that, or open a photo.",
};

export class Camera {
  readonly video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  facing: Facing = "user";
  private stream: MediaStream | null = null;
  /** Counts openings and closings: permission may come after the user has asked for something else. */
  private turn = 0;

  /** Start or restart; throws with a sentence for the user. Opened or closed again meanwhile, it starts nothing. */
  async open(facing: Facing, lines: number): Promise<void> {
    this.close();
    const { turn } = this;
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Cameras need a secure page: open this site with https, or open a photo.");
    }
    const size = { height: { ideal: lines }, width: { ideal: Math.round((lines * (lines > 480 ? 16 / 9 : 4 / 3)) / 2) * 2 } };
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: facing, ...size } });
      if (turn !== this.turn) return stop(stream);
      this.stream = stream;
      this.facing = facing;
      this.video.srcObject = stream;
      await this.video.play();
    } catch (error) {
      if (turn !== this.turn) return;
      this.close();
      const name = (error as DOMException).name;
      throw new Error(REASONS[name] ?? `The camera could not be opened (${name}); open a photo instead.`);
    }
  }

  get running(): boolean {
    return this.stream !== null;
  }

  /** Called when the camera is pulled out or taken away. */
  onEnd(callback: () => void): void {
    this.stream?.getVideoTracks()[0]?.addEventListener("ended", callback);
  }

  /** The next new frame. */
  nextFrame(): Promise<void> {
    return new Promise((resolve) => {
      if ("requestVideoFrameCallback" in this.video) this.video.requestVideoFrameCallback(() => resolve());
      else requestAnimationFrame(() => resolve());
    });
  }

  close(): void {
    this.turn++;
    if (this.stream) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
  }
}

function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}
