/** Reading NumPy's `.npz` (a zip of `.npy`): enough for golden vectors. Runs in browsers and in Node. */

export interface Tensor {
  shape: number[];
  data: Uint8Array | Float32Array | Float64Array;
}

async function inflate(bytes: Uint8Array): Promise<Uint8Array> {
  const stream = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The arrays of an archive by name. Throws on anything that is not one. */
export async function readNpz(bytes: Uint8Array): Promise<Record<string, Tensor>> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let end = bytes.length - 22;
  while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
  if (end < 0) throw new Error("expected an .npz archive, found no zip directory");
  const arrays: Record<string, Tensor> = {};
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const method = view.getUint16(entry + 10, true);
    const packed = view.getUint32(entry + 20, true);
    const nameLength = view.getUint16(entry + 28, true);
    const name = new TextDecoder().decode(bytes.subarray(entry + 46, entry + 46 + nameLength));
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const content = bytes.subarray(start, start + packed);
    arrays[name.replace(/\.npy$/, "")] = readNpy(method === 0 ? content : await inflate(content));
    entry += 46 + nameLength + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return arrays;
}

function readNpy(bytes: Uint8Array): Tensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (bytes[6] === 1 ? 10 : 12) + length;
  const header = new TextDecoder("latin1").decode(bytes.subarray(start - length, start));
  const kind = /'descr': '[<|=]?(\w+)'/.exec(header)?.[1];
  if (header.includes("'fortran_order': True")) throw new Error("expected an array in C order");
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").map((n) => n.trim()).filter(Boolean).map(Number);
  const body = bytes.slice(start);
  if (kind === "u1" || kind === "b1") return { shape, data: body };
  if (kind === "f4") return { shape, data: new Float32Array(body.buffer, 0, body.length >> 2) };
  if (kind === "f8") return { shape, data: new Float64Array(body.buffer, 0, body.length >> 3) };
  if (kind === "f2") return { shape, data: Float32Array.from(new Uint16Array(body.buffer, 0, body.length >> 1), half) };
  throw new Error(`expected an array of bytes or floats, found ${kind}`);
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
