// After Vite: the network engine packed, the service worker with the list of files, and what the build was made from.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync, mkdirSync, copyFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const out = process.env.WEB_OUT ?? join(root, "../../pocketmatte/apps/web");
const engine = join(root, "node_modules/@litertjs/core");

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const walk = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });

mkdirSync(join(out, "litert"), { recursive: true });
const builds = ["compat", "threaded"].map((build) => `litert_wasm_${build}_internal`);
for (const name of builds) copyFileSync(join(engine, "wasm", `${name}.js`), join(out, "litert", `${name}.js`));
// The two builds are nearly the same: packed together they are less than half as big as one by one. See site.py.
const wasm = builds.map((name) => join(engine, "wasm", `${name}.wasm`));
execFileSync("python3", [join(root, "scripts/pack.py"), join(out, "litert/engines.tar.xz"), ...wasm]);
copyFileSync(join(root, "scripts/NOTICE"), join(out, "litert/NOTICE"));

const files = walk(out).map((path) => relative(out, path)).filter((p) => !["sw.js", "build.json"].includes(p)).sort();
const hashes = Object.fromEntries(files.map((path) => [path, sha256(readFileSync(join(out, path)))]));
const version = sha256(JSON.stringify(hashes)).slice(0, 12);
// The engine is big and comes in two builds: the one that a browser uses is kept when it is first asked for.
const precached = ["./", ...files.filter((path) => !path.startsWith("litert/"))];
const worker = readFileSync(join(root, "scripts/sw.js"), "utf8");
writeFileSync(join(out, "sw.js"), worker.replace("VERSION", version).replace("FILES", JSON.stringify(precached)));

const sources = ["package.json", "package-lock.json", "index.html", "check.html", "vite.config.ts", "tsconfig.json",
  ...["src", "public", "scripts"].flatMap((folder) => walk(join(root, folder)).map((path) => relative(root, path)))].sort();
const made = createHash("sha256");
for (const path of sources) made.update(`${path}\n${sha256(readFileSync(join(root, path)))}\n`);
writeFileSync(join(out, "build.json"), JSON.stringify({ sources: made.digest("hex"), files: hashes }, null, 1) + "\n");
