/** `spec.json`, the executable model card: what a client must know to run a weight file. */

export type Layout = "nhwc" | "nchw";

export interface WeightFile {
  file: string;
  format: string;
  sha256: string;
  precision: string;
  layout: Layout;
}

export interface InputSpec {
  name: string;
  size: [height: number, width: number];
  color: "rgb" | "bgr";
  mean: [number, number, number];
  std: [number, number, number];
  resize: "squash" | "letterbox";
  filter: "area" | "bilinear";
  pad: number;
  batch: number;
  channels: number;
}

/** A tensor that one step hands to the next: zeros after a reset. `shape` is in NHWC. */
export interface StateSpec {
  input: string;
  output: string;
  shape: number[];
}

export interface OutputSpec {
  name: string;
  kind: "alpha" | "logits" | "two-logits" | "color-transform";
  channel: number;
}

export interface ModelSpec {
  name: string;
  summary: string;
  files: WeightFile[];
  input: InputSpec;
  output: OutputSpec;
  states: StateSpec[];
  golden: string | null;
  task: "matting" | "harmonize";
}

const SCHEMA = 1;

/** Read the document; throws an `Error` that says what was found and what was expected. */
export function parseSpec(text: string, where: string): ModelSpec {
  let values: Record<string, unknown>;
  try {
    values = JSON.parse(text);
  } catch {
    throw new Error(`${where} is not a model description: expected JSON`);
  }
  if (values.schema !== SCHEMA) throw new Error(`${where}: expected schema ${SCHEMA}, found ${String(values.schema)}`);
  const spec = values as unknown as ModelSpec;
  for (const key of ["name", "files", "input", "output"] as const) {
    if (!(key in values)) throw new Error(`${where} is not a model description: ${key} is missing`);
  }
  return {
    ...spec,
    input: { ...spec.input, batch: spec.input.batch ?? 1, channels: spec.input.channels ?? 3 },
    output: { ...spec.output, channel: spec.output.channel ?? 0 },
    states: spec.states ?? [],
    golden: spec.golden ?? null,
    task: spec.task ?? "matting",
  };
}

/** Fetch a `spec.json`; with it the weight file of a format, and the address of that. */
export async function fetchSpec(url: string, format = "litert"): Promise<{ spec: ModelSpec; file: WeightFile; weights: string }> {
  const spec = parseSpec(await (await fetched(url)).text(), url);
  const file = fileFor(spec, format);
  // The checksum in the address makes a new weight file a new address: old ones may be cached for ever.
  return { spec, file, weights: new URL(`${file.file}?v=${file.sha256.slice(0, 12)}`, url).href };
}

export async function fetched(url: string): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded (${response.status})`);
  return response;
}

/** The weight file of a format. */
export function fileFor(spec: ModelSpec, format: string): WeightFile {
  const found = spec.files.find((file) => file.format === format);
  if (!found) {
    const have = [...new Set(spec.files.map((file) => file.format))].sort().join(", ");
    throw new Error(`model ${spec.name} has no ${format} file, it has: ${have}`);
  }
  return found;
}
