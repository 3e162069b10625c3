/** Wiring of the page. */

import { App } from "./app/app";
import { byId, choices, choose, pictures, press } from "./app/dom";
import { onPress } from "./app/gestures";
import { FILTERS, LOOKS, parseColor } from "./app/settings";

const app = new App(new URLSearchParams(location.search), show);
Object.assign(window, { app }); // for the curious, in the browser's console

function show(): void {
  choose(byId("looks"), app.settings.look);
  choose(byId("filters"), app.settings.filter);
  byId<HTMLInputElement>("mirror").checked = app.settings.mirrored;
  const record = byId("record");
  record.setAttribute("aria-pressed", String(app.recorder.running));
  record.textContent = app.recorder.running ? "Stop" : "Record";
}

function click(id: string, action: () => unknown): void {
  byId(id).addEventListener("click", () => void app.attempt(action));
}

function input(id: string, action: (value: string) => void): void {
  byId(id).addEventListener("input", (event) => action((event.target as HTMLInputElement).value));
}

function file(id: string, action: (file: File) => unknown): void {
  byId<HTMLInputElement>(id).addEventListener("change", (event) => {
    const box = event.target as HTMLInputElement;
    const chosen = box.files?.[0];
    box.value = ""; // else browsers are silent when the same file is chosen again
    if (chosen) void app.attempt(() => action(chosen));
  });
}

choices(byId("looks"), LOOKS, app.settings.look, (value) => app.setLook(value));
choices(byId("filters"), FILTERS, app.settings.filter, (value) => app.setFilter(value));
pictures(byId("backdrops"), app.backdrops, (backdrop) => app.setBackdrop(backdrop, backdrop.moving));
onPress(byId("output"), app.nextFilter, () => void app.attempt(() => app.harmonise()));

click("open-camera", () => app.openCamera());
click("camera", () => app.openCamera());
click("switch", app.switchCamera);
click("open-photo", () => byId("photo").click());
click("snapshot", () => app.snapshot());
click("record", () => app.toggleRecording());
click("harmonise", () => app.harmonise());
file("photo", (chosen) => app.openPhoto(chosen));
file("upload", async (chosen) => {
  await app.ownBackdrop(chosen);
  press(byId("backdrops"), null);
});

// The sliders belong to the smooth-step filter: moving one chooses it.
for (const id of ["threshold", "softness"] as const) {
  input(id, (value) => {
    app.settings[id] = Number(value);
    app.setFilter("smoothstep");
  });
}
input("blur", (value) => {
  app.settings.blur = Number(value);
  if (app.settings.look === "blur" || app.settings.look === "bokeh") app.refresh();
  else app.setLook("blur");
});
input("color", (value) => {
  app.settings.color = parseColor(value);
  app.setLook("color");
});
byId("mirror").addEventListener("change", (event) => app.setMirrored((event.target as HTMLInputElement).checked));
byId("resolution").addEventListener("change", () => app.camera.running && void app.attempt(() => app.openCamera()));
const models = byId<HTMLSelectElement>("model");
models.addEventListener("change", () => {
  // A model that cannot be opened leaves the one before at work.
  void app.attempt(() => app.loadModel(models.value)).then(() => { models.value = app.model; });
});

const keys: Record<string, () => unknown> = {
  l: app.nextLook, s: () => app.snapshot(), r: () => app.toggleRecording(), h: () => app.harmonise(), c: app.switchCamera,
};
document.addEventListener("keydown", (event) => {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (target === byId("output") && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    app.nextFilter();
  } else if (keys[event.key.toLowerCase()] && !target.matches("select, input:not([type=radio], [type=checkbox])")) {
    void app.attempt(keys[event.key.toLowerCase()]);
  }
});

setInterval(() => {
  const { times } = app.loop;
  byId("stats").textContent = times
    ? `${times.fps.toFixed(1)} fps  ${app.placement}, ${app.stage.drawnBy}\n` +
      `capture ${times.capture.toFixed(1)}  prepare ${times.preprocess.toFixed(1)}  network ${times.network.toFixed(1)}  ` +
      `steady ${times.temporal.toFixed(1)}  compose ${times.compose.toFixed(1)} ms`
    : "";
}, 500);

void app.attempt(() => app.loadModel().finally(() => {
  for (const { name, summary } of app.site?.models ?? []) models.append(Object.assign(new Option(name, name), { title: summary }));
}));
if ("serviceWorker" in navigator && !import.meta.env.DEV) void navigator.serviceWorker.register("./sw.js");
