// Android's web view ignores downloads. In the app, a click on a download link of the page writes to the gallery.
(() => {
  const PIECE = 3 << 18; // bytes; a multiple of three, so that the base64 of the pieces needs no padding
  const native = (method, values) => window.Capacitor.nativePromise("Save", method, values);

  function base64(bytes) {
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
  }

  async function save(address, name) {
    const file = await (await fetch(address)).blob();
    await native("open", { name, type: file.type.split(";")[0] });
    for (let from = 0; from < file.size; from += PIECE) {
      const piece = await file.slice(from, from + PIECE).arrayBuffer();
      await native("append", { data: base64(new Uint8Array(piece)) });
    }
    await native("close", {});
  }

  const say = (text) => {
    const status = document.getElementById("status");
    if (status) status.textContent = text;
  };
  let queue = Promise.resolve();
  const click = HTMLAnchorElement.prototype.click;
  HTMLAnchorElement.prototype.click = function () {
    if (!this.download || !window.Capacitor?.isNativePlatform?.()) return click.call(this);
    const { href, download } = this;
    queue = queue.then(() => save(href, download))
      .then(() => say(`Saved ${download} to the gallery.`), (error) => say(String(error.message ?? error)));
  };
})();
