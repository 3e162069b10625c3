/**
 * Weights stored in half precision -> plain float weights, inside the bytes of a `.tflite` file.
 *
 * Such a file has a DEQUANTIZE before every use of a weight. The engine's WebAssembly build computes these again at
 * every run, which takes several times as long as the network itself. The values stay exactly the same; only this
 * copy in memory grows, the download does not. Field numbers and codes: TensorFlow Lite's schema.fbs.
 */

const MODEL = { operatorCodes: 1, subgraphs: 2, buffers: 4 };
const SUBGRAPH = { tensors: 0, outputs: 2, operators: 3 };
const TENSOR = { type: 1, buffer: 2 };
const OPERATOR = { code: 0, inputs: 1, outputs: 2 };
const OPERATOR_CODE = { deprecated: 0, builtin: 3 };
const BUFFER = { data: 0, offset: 1, size: 2 };
const FLOAT32 = 0;
const FLOAT16 = 1;
const DEQUANTIZE = 6;
const ALIGNMENT = 16;

/** A flatbuffer: a table is the position where it starts, and 0 stands for what is not there. */
class Flat {
  readonly view: DataView;
  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
  /** Where the value of a field stands. */
  field(table: number, number: number): number {
    const list = table - this.view.getInt32(table, true);
    const place = 4 + 2 * number;
    const found = place < this.view.getUint16(list, true) ? this.view.getUint16(list + place, true) : 0;
    return found && table + found;
  }
  follow(position: number): number {
    return position && position + this.view.getUint32(position, true);
  }
  int(table: number, number: number): number {
    const position = this.field(table, number);
    return position && this.view.getInt32(position, true);
  }
  byte(table: number, number: number): number {
    const position = this.field(table, number);
    return position && this.view.getInt8(position);
  }
  /** Positions of the entries of a vector with four bytes each. */
  entries(table: number, number: number): number[] {
    const vector = this.follow(this.field(table, number));
    return Array.from({ length: vector && this.view.getUint32(vector, true) }, (_, i) => vector + 4 + 4 * i);
  }
  tables(table: number, number: number): number[] {
    return this.entries(table, number).map((position) => this.follow(position));
  }
  ints(table: number, number: number): number[] {
    return this.entries(table, number).map((position) => this.view.getInt32(position, true));
  }
}

/** Where the bytes of a buffer stand: inside it, or, in large files, behind the flatbuffer. */
function content(file: Flat, buffer: number): { start: number; size: number } | null {
  const vector = file.follow(file.field(buffer, BUFFER.data));
  if (vector && file.view.getUint32(vector, true)) return { start: vector + 4, size: file.view.getUint32(vector, true) };
  const [offset, size] = [file.field(buffer, BUFFER.offset), file.field(buffer, BUFFER.size)];
  if (!offset || !size) return null;
  const found = { start: Number(file.view.getBigUint64(offset, true)), size: Number(file.view.getBigUint64(size, true)) };
  return found.start > 1 && found.size ? found : null;
}

/** The value of a number in half precision, exactly. */
export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}

/** The file with plain float weights; the same bytes when nothing in it is stored in half precision. */
export function expandHalf(bytes: Uint8Array): Uint8Array {
  const old = new Flat(bytes);
  const model = old.view.getUint32(0, true);
  const buffers = old.tables(model, MODEL.buffers);
  const dequantize = old.tables(model, MODEL.operatorCodes).map((code) =>
    Math.max(old.byte(code, OPERATOR_CODE.deprecated), old.int(code, OPERATOR_CODE.builtin)) === DEQUANTIZE);
  const graphs = old.tables(model, MODEL.subgraphs).map((graph) => find(old, graph, buffers, dequantize));

  // A buffer grows when all tensors on it do.
  const kept = new Set(graphs.flatMap(({ others }) => others));
  const growing = [...new Set(graphs.flatMap(({ sources }) => sources.map(({ buffer }) => buffer)))].filter((b) => !kept.has(b));
  if (!growing.length) return bytes;
  let end = bytes.length;
  const moved = growing.map((buffer) => {
    const { start, size } = content(old, buffers[buffer])!;
    const place = Math.ceil((end + 4) / ALIGNMENT) * ALIGNMENT; // of the values; their count stands before them
    end = place + 2 * size;
    return { buffer: buffers[buffer], start, size, place };
  });
  const file = new Flat(new Uint8Array(end));
  file.bytes.set(bytes);
  for (const { buffer, start, size, place } of moved) {
    const values = new Float32Array(file.bytes.buffer, place, size / 2);
    for (let i = 0; i < values.length; i++) values[i] = halfToFloat(old.view.getUint16(start + 2 * i, true));
    const data = file.field(buffer, BUFFER.data);
    if (data && old.view.getUint32(old.follow(data), true)) {
      file.view.setUint32(place - 4, 2 * size, true);
      file.view.setUint32(data, place - 4 - data, true);
    } else {
      file.view.setBigUint64(file.field(buffer, BUFFER.offset), BigInt(place), true);
      file.view.setBigUint64(file.field(buffer, BUFFER.size), BigInt(2 * size), true);
    }
  }
  for (const { graph, sources } of graphs) apply(file, graph, sources.filter(({ buffer }) => growing.includes(buffer)));
  return file.bytes;
}

interface Source {
  operator: number;
  tensor: number;
  buffer: number;
  result: number;
}

/** The half-precision constants that only DEQUANTIZE reads, and the buffers of all other tensors. */
function find(file: Flat, graph: number, buffers: number[], dequantize: boolean[]) {
  const tensors = file.tables(graph, SUBGRAPH.tensors);
  const bufferOf = (tensor: number): number => file.int(tensors[tensor], TENSOR.buffer);
  const outputs = file.ints(graph, SUBGRAPH.outputs);
  const sources: Source[] = [];
  const plain = new Set<number>(outputs);
  for (const [operator, table] of file.tables(graph, SUBGRAPH.operators).entries()) {
    const inputs = file.ints(table, OPERATOR.inputs);
    const [result] = file.ints(table, OPERATOR.outputs);
    const [tensor] = inputs;
    const half = dequantize[file.int(table, OPERATOR.code)] && file.byte(tensors[tensor], TENSOR.type) === FLOAT16
      && !outputs.includes(result) && content(file, buffers[bufferOf(tensor)]);
    if (half) sources.push({ operator, tensor, buffer: bufferOf(tensor), result });
    else inputs.forEach((input) => plain.add(input));
  }
  const found = new Set(sources.map(({ tensor }) => tensor).filter((tensor) => !plain.has(tensor)));
  const others = tensors.map((_, i) => i).filter((i) => !found.has(i)).map(bufferOf);
  return { graph, sources: sources.filter(({ tensor }) => found.has(tensor)), others };
}

/** Take the operators out, and let their readers read the constants, which are floats now. */
function apply(file: Flat, graph: number, sources: Source[]): void {
  const tensors = file.tables(graph, SUBGRAPH.tensors);
  for (const { tensor } of sources) file.view.setInt8(file.field(tensors[tensor], TENSOR.type), FLOAT32);
  const instead = new Map(sources.map(({ result, tensor }) => [result, tensor]));
  const gone = new Set(sources.map(({ operator }) => operator));
  const left = file.tables(graph, SUBGRAPH.operators).filter((_, i) => !gone.has(i));
  for (const operator of left) {
    for (const position of file.entries(operator, OPERATOR.inputs)) {
      const tensor = instead.get(file.view.getInt32(position, true));
      if (tensor !== undefined) file.view.setInt32(position, tensor, true);
    }
  }
  const slots = file.entries(graph, SUBGRAPH.operators);
  if (!slots.length) return;
  file.view.setUint32(slots[0] - 4, left.length, true);
  left.forEach((operator, i) => file.view.setUint32(slots[i], operator - slots[i], true));
}
