/** The app: what the controls do. */

import { encodePng } from "../effects/png";
import { Engine } from "../engine/client";
import type { Placement } from "../engine/litert";
import type { Matted } from "../engine/protocol";
import { ENGINE, type Site, absolute, bestPlacement, readSite } from "../engine/site";
import type { Backdrop, Drawing, LookKind, Scene } from "../render/scene";
import { type PaintedBackdrop, ownBackdrop, painted } from "./backdrops";
import { Camera, type Facing } from "./camera";
import { byId } from "./dom";
import { Loop, type Show } from "./loop";
import { Offline } from "./offline";
import { type Container, Recorder, save } from "./recorder";
import { DEFAULTS, FILTERS, type FilterKind, LOOKS, type Settings, nextOf } from "./settings";
import { Stage } from "./stage";

const STILL_SIDE = 4096;

export class App {
  readonly settings: Settings = { ...DEFAULTS };
  readonly backdrops: PaintedBackdrop[] = painted();
  readonly engine = new Engine();
  readonly camera = new Camera();
  readonly loop = new Loop(this.engine, this.camera);
  readonly recorder = new Recorder();
  private readonly offline = new Offline(() => { byId("offline").hidden = false; });
  readonly stage: Stage;
  site: Site | null = null;
  /** Name of the model at work. */
  model = "";
  placement = "";
  private composes = false;
  private accelerator = "";
  private image: Backdrop = this.backdrops[0];
  private clip: Backdrop = this.backdrops[3];
  private still: Matted | null = null;
  private shown = false;
  /** Snapshots that wait for the next frame. */
  private waiting: { resolve: (matted: Matted) => void; reject: (reason: Error) => void }[] = [];
  /** Cameras and photos are numbered as the user asks for them; `source` is the number of the one at work. */
  private sources = 0;
  private source = 0;
  private loading: Promise<void> | null = null;
  private busy: Promise<void> = Promise.resolve();

  constructor(private readonly query: URLSearchParams, readonly changed: () => void) {
    this.stage = new Stage(byId("output"), this.engine, (text) => this.say(text), query.get("renderer"));
    this.stage.clear();
    this.loop.onStop = (reason) => this.waiting.splice(0).forEach(({ reject }) => reject(reason));
  }

  say(text: string): void {
    byId("status").textContent = text;
  }

  /** Run something whose failure the user should read. */
  async attempt(action: () => unknown): Promise<void> {
    try {
      await action();
    } catch (error) {
      this.say(error instanceof Error ? error.message : String(error));
    }
  }

  loadModel(name?: string): Promise<void> {
    const loading = this.load(name);
    // With a model at work cameras and photos still open when another cannot be loaded.
    this.loading = this.model ? loading.catch(() => undefined) : loading;
    return loading;
  }

  private async load(name?: string): Promise<void> {
    this.site ??= await readSite();
    const model = this.site.models.find((m) => m.name === name) ?? this.site.models[0];
    this.say(`Loading ${model.name}…`);
    const harmonizer = this.site.harmonizer && absolute(this.site.harmonizer);
    const best = await bestPlacement(this.query);
    const compose = !["2d", "webgl"].includes(this.query.get("renderer") ?? "");
    const answer = await this.engine.ask({
      kind: "load", engine: ENGINE, model: absolute(model.spec), harmonizer, compose, ...best,
    });
    this.composes = answer.composes;
    this.stage.forget();
    this.model = model.name;
    this.runsOn(answer.placement);
    this.say(`${model.name} is ready.`);
    void this.offline.keep(answer.engine, [absolute(model.spec), ...(harmonizer ? [harmonizer] : [])]);
    const { still, source } = this;
    // A copy: the one that is shown must stay drawable until the new matte is there.
    if (still) await this.matteStill(await createImageBitmap(still.frame), source);
  }

  private runsOn({ accelerator, threads }: Placement): void {
    this.placement = `${this.model}, ${accelerator}${threads > 1 ? ` × ${threads}` : ""}`;
    this.accelerator = accelerator;
  }

  /** Clear the stage for a source, unless a later one has it already. */
  private takeOver(source: number): boolean {
    if (source < this.source) return false;
    this.source = source;
    byId("start").hidden = true;
    this.loop.stop();
    this.camera.close();
    this.stage.clear();
    this.stage.reset();
    this.dropStill();
    return true;
  }

  async openCamera(facing: Facing = this.camera.facing): Promise<void> {
    const source = ++this.sources;
    this.takeOver(source);
    try {
      await Promise.all([this.camera.open(facing, Number(byId<HTMLSelectElement>("resolution").value)), this.loading]);
    } catch (error) {
      if (source !== this.source) return;
      this.camera.close();
      byId("start").hidden = false;
      throw error;
    }
    if (source !== this.source) return;
    this.camera.onEnd(() => {
      this.loop.stop();
      this.say("The camera has stopped.");
    });
    this.setMirrored(facing === "user");
    void this.attempt(() => this.loop.start(this.order, this.showLive));
  }

  setMirrored(mirrored: boolean): void {
    this.settings.mirrored = mirrored;
    this.changed();
    this.refresh();
  }

  async openPhoto(file: File): Promise<void> {
    const source = ++this.sources;
    let frame: ImageBitmap;
    try {
      frame = await createImageBitmap(file, { imageOrientation: "from-image" });
      const side = Math.max(frame.width, frame.height);
      if (side > STILL_SIDE) {
        const scale = STILL_SIDE / side;
        const size = { resizeWidth: Math.round(frame.width * scale), resizeHeight: Math.round(frame.height * scale) };
        frame = await createImageBitmap(frame, { ...size, resizeQuality: "high" });
      }
    } catch {
      throw new Error(`${file.name} cannot be opened: expected a picture that this browser can read.`);
    }
    if (!this.takeOver(source)) return frame.close();
    await this.loading;
    if (source !== this.source) return frame.close();
    this.settings.mirrored = false;
    this.changed();
    await this.matteStill(frame, source);
  }

  private async matteStill(frame: ImageBitmap, source: number): Promise<void> {
    const still = await this.engine.ask({ kind: "see", frame, live: false }, [frame]);
    if (source !== this.source) return still.frame.close();
    this.still?.frame.close();
    this.still = still;
    await this.redraw();
  }

  /** Draw the photo after all that was to be drawn before, with the settings of then. */
  private redraw(): Promise<void> {
    const drawn = this.busy.then(async () => {
      const { still } = this;
      if (still) await this.show(still, false, () => still === this.still);
    });
    this.busy = drawn.catch(() => undefined);
    return drawn;
  }

  private dropStill(): void {
    this.still?.frame.close();
    this.still = null;
    this.shown = false;
  }

  private backdrop(): Backdrop {
    const chosen = this.settings.look === "video" ? this.clip : this.image;
    if ("at" in chosen) (chosen as PaintedBackdrop).at(performance.now() / 1000);
    return chosen;
  }

  private order = async (): Promise<Drawing | null> =>
    this.composes && !this.waiting.length ? this.stage.drawing(this.settings, this.backdrop()) : null;

  private showLive: Show = async (live, wanted) => {
    if (this.accelerator === "webgpu" && live.placement.accelerator === "wasm") {
      this.composes = false;
      this.runsOn(live.placement);
      this.say("The graphics card was lost; the network goes on without it.");
    }
    if (!("picture" in live)) return this.show(live, true, wanted);
    this.stage.draw(live.picture);
    this.shown = true;
  };

  private async show(matted: Matted, live: boolean, wanted: () => boolean): Promise<void> {
    const scene = await this.stage.scene(matted, this.settings, this.backdrop(), live);
    if (!wanted()) return; // another source has come while a network worked, and the frame is closed
    this.stage.draw(scene);
    this.shown = true;
    const copies = this.waiting.splice(0).map(({ resolve, reject }) =>
      createImageBitmap(matted.frame).then((frame) => resolve({ ...matted, frame }), reject));
    await Promise.all(copies);
  }

  /** Settings have changed: a photo is drawn anew, the camera shows it with its next frame. */
  refresh(): void {
    if (this.still) void this.attempt(() => this.redraw());
  }

  setLook(look: LookKind): void {
    this.settings.look = look;
    this.stage.reset();
    this.update(LOOKS.find(([value]) => value === look)![1]);
  }

  setFilter(filter: FilterKind): void {
    this.settings.filter = filter;
    this.stage.reset();
    this.update(`Filter: ${FILTERS.find(([value]) => value === filter)![1]}`);
  }

  nextFilter = (): void => this.setFilter(nextOf(FILTERS, this.settings.filter));
  nextLook = (): void => this.setLook(nextOf(LOOKS, this.settings.look));

  update(text: string): void {
    this.say(text);
    this.changed();
    this.refresh();
  }

  setBackdrop(backdrop: Backdrop, moving: boolean): void {
    if (moving) this.clip = backdrop;
    else this.image = backdrop;
    this.setLook(moving ? "video" : "image");
  }

  async ownBackdrop(file: File): Promise<void> {
    const { backdrop, moving } = await ownBackdrop(file);
    this.setBackdrop(backdrop, moving);
  }

  /** What is shown as a PNG: the cut-out with straight alpha for the transparent look, else the whole picture. */
  async snapshot(filter: FilterKind = this.settings.filter, name = "pocketmatte"): Promise<void> {
    const scene = await this.snapshotScene(filter);
    const { width, height } = scene.frame;
    let file: Blob;
    if (scene.look === "transparent") file = await encodePng(this.stage.renderer.cutout(scene), width, height);
    else {
      const canvas = Object.assign(document.createElement("canvas"), { width, height });
      const context = canvas.getContext("2d")!;
      this.stage.renderer.draw(scene, context);
      file = await encodePng(context.getImageData(0, 0, width, height).data, width, height);
    }
    scene.frame.close();
    save(file, `${name}.png`);
    this.say(`Saved ${name}.png.`);
  }

  private async snapshotScene(filter: FilterKind): Promise<Scene> {
    const matted = this.still ? { ...this.still, frame: await createImageBitmap(this.still.frame) } : await this.nextShown();
    return this.stage.scene(matted, this.settings, this.backdrop(), false, filter);
  }

  /** A copy of the next frame of the camera with its matte; the loop closes its own. */
  private nextShown(): Promise<Matted> {
    if (!this.loop.running) throw new Error("There is no picture yet: start the camera or open a photo.");
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
  }

  /** As a long press does: light the person like the background, with the network, and save. */
  async harmonise(): Promise<void> {
    if (!["color", "image", "video"].includes(this.settings.look)) this.setLook("image");
    this.say("Harmonising…");
    await this.snapshot("harmonize", "pocketmatte-harmonised");
  }

  toggleRecording(): void {
    if (this.recorder.running) {
      this.recorder.stop();
    } else {
      if (!this.shown) throw new Error("There is nothing to record yet: start the camera.");
      const container = byId<HTMLSelectElement>("container").value as Container;
      this.recorder.start(this.stage.canvas, container, (file, extension) => {
        save(file, `pocketmatte.${extension}`);
        this.say(`Saved pocketmatte.${extension}.`);
      });
      this.say("Recording…");
    }
    this.changed();
  }

  switchCamera = (): Promise<void> => this.openCamera(this.camera.facing === "user" ? "environment" : "user");
}
