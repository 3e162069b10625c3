// Offline after the first load. Files of the page come from the cache of their version; models by the checksum in
// their address; lists and descriptions from the network while there is one.
const CACHE = "pocketmatte-d7a48634af58";
const MODELS = "pocketmatte-models";
const PAGE = ["./","check.css","check.html","check.js","icon-192.png","icon-512.png","icon.svg","index.css","index.html","index.js","manifest.webmanifest","spec.js","worker.js"];
const FOLDER = new URL("./", self.location).pathname;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches.open(CACHE).then((cache) => cache.addAll(PAGE.map((path) => new Request(path, { cache: "no-cache" }))))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("pocketmatte-") && name !== CACHE && name !== MODELS) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// What the page has loaded before this worker was there, or before this version of it.
self.addEventListener("message", (event) => {
  const [port] = event.ports;
  event.waitUntil(keep(event.data.keep).then(() => port.postMessage(""), (error) => port.postMessage(String(error))));
});

async function keep(addresses) {
  await Promise.all(addresses.map(async (address) => {
    const cache = await caches.open(new URL(address).pathname.startsWith(`${FOLDER}litert/`) ? CACHE : MODELS);
    if (!(await cache.match(address))) await cache.add(address);
  }));
}

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin || !url.pathname.startsWith(FOLDER)) return;
  const path = url.pathname.slice(FOLDER.length) || "./";
  if (PAGE.includes(path)) event.respondWith(cacheFirst(CACHE, path));
  else if (path.startsWith("litert/")) event.respondWith(cacheFirst(CACHE, event.request));
  else if (path.startsWith("models") && url.searchParams.has("v")) event.respondWith(cacheFirst(MODELS, event.request));
  else if (path.startsWith("models")) event.respondWith(networkFirst(event.request));
});

// With these two headers the browser gives the page threads, also where the web server does not send them.
function isolated(response) {
  if (response.type === "opaque" || response.status === 0) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

async function cacheFirst(name, request) {
  const cache = await caches.open(name);
  let response = await cache.match(request);
  if (!response) {
    response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
  }
  return isolated(response);
}

async function networkFirst(request) {
  const cache = await caches.open(MODELS);
  try {
    const response = await fetch(request);
    if (response.ok) await cache.put(request, response.clone());
    return isolated(response);
  } catch (error) {
    const kept = await cache.match(request);
    if (kept) return isolated(kept);
    throw error;
  }
}
