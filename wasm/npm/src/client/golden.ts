// Proof on the user's own device that a model computes what the compiler computed: docs/formats/artifact.md.

import type { Classifier } from "../index.js";
import type { SyncInstance, TrialFault } from "../sync-glue.js";

/** What is wrong with a model that was loaded from these bytes; or else the median of the milliseconds that a golden input took. */
export async function examine(sync: SyncInstance, classifier: Classifier, bytes: Uint8Array<ArrayBuffer>): Promise<TrialFault | number> {
  const sections = sectionsOf(bytes);
  const weights = sections.get(WEIGHTS);
  const hexDigest = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> => hexOf(await digestOf(sync, bytes), 0, 32);
  if (weights && (await hexDigest(weights.bytes)) !== weights.digest) return "load";
  const times: number[] = [];
  const proofs = [...digests(sections.get(DIGESTS)?.bytes, hexDigest), ...values(sections.get(VALUES)?.bytes)];
  // The first time a model runs it isn't in memory yet.
  for (const { seed, fits } of [...proofs, ...proofs]) {
    const inputs = inputsOf(sync, classifier, seed);
    if (!inputs) return "golden";
    const begin = performance.now();
    const outputs = classifier.run(inputs);
    times.push(performance.now() - begin);
    if (!(await fits(outputs))) return "golden";
  }
  return times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
}

/** SHA-256: the host's, or the module's own where the page isn't secure and the host has none. */
export async function digestOf(sync: SyncInstance, bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const { subtle } = crypto as Partial<Crypto>;
  return subtle ? new Uint8Array(await subtle.digest("SHA-256", bytes)) : sync.sha256(bytes);
}

/** An input, by its seed, and whether outputs are what it gives. */
interface Proof {
  readonly seed: bigint;
  readonly fits: (outputs: Outputs) => Promise<boolean>;
}

type Outputs = readonly (Float32Array | Uint8Array)[];

/** SHA-256 of all outputs' bytes, one after the other: of a model whose bits are promised. */
function digests(section: Uint8Array<ArrayBuffer> | undefined, hexDigest: (bytes: Uint8Array<ArrayBuffer>) => Promise<string>): Proof[] {
  const view = viewOf(section);
  return Array.from({ length: view.byteLength && view.getUint32(0, true) }, (_, index) => {
    const at = 4 + 40 * index;
    const digest = hexOf(section as Uint8Array, at + 8, 32);
    return { seed: view.getBigUint64(at, true), fits: async (outputs) => (await hexDigest(joined(outputs))) === digest };
  });
}

/** Numbers, which another CPU may round otherwise: of a model of floats. */
function values(section: Uint8Array<ArrayBuffer> | undefined): Proof[] {
  const view = viewOf(section);
  const proofs: Proof[] = [];
  let at = 4;
  for (let left = view.byteLength && view.getUint32(0, true); left > 0; left -= 1) {
    const seed = view.getBigUint64(at, true);
    const [tolerance, step, count] = [view.getFloat32(at + 8, true), view.getUint32(at + 12, true), view.getUint32(at + 16, true)];
    const elements = Array.from({ length: count }, (_, i) => view.getFloat32(at + 20 + 4 * i, true));
    proofs.push({ seed, fits: async (outputs) => areNear(outputs, elements, step, tolerance) });
    at += 20 + 4 * count;
  }
  return proofs;
}

function areNear(outputs: Outputs, elements: readonly number[], step: number, tolerance: number): boolean {
  const found = outputs.filter((output) => output instanceof Float32Array).flatMap((output) => [...output]);
  const kept = found.filter((_, i) => i % step === 0);
  const near = (y: number, expected: number): boolean => Object.is(y, expected) || y === expected || Math.abs(y - expected) <= tolerance;
  return kept.length === elements.length && kept.every((y, i) => near(y, elements[i] ?? NaN));
}

function joined(outputs: Outputs): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(outputs.reduce((length, output) => length + output.byteLength, 0));
  let at = 0;
  for (const output of outputs) {
    all.set(new Uint8Array(output.buffer, output.byteOffset, output.byteLength), at);
    at += output.byteLength;
  }
  return all;
}

/** What the model's inputs hold for a seed; nothing where one is of a type that can't be filled. */
function inputsOf(sync: SyncInstance, { inputs }: Classifier, seed: bigint): Uint8Array[] | undefined {
  const filled = inputs.map(({ elementType, shape }, index) => {
    const elements = shape.reduce((product, dimension) => product * dimension, 1);
    return sync.goldenInput(BigInt.asUintN(64, seed + BigInt(index)), elementType, elements);
  });
  return filled.every((input) => input !== undefined) ? filled : undefined;
}

/** The sections of an artifact, which the engine has read before. */
export function sectionsOf(file: Uint8Array<ArrayBuffer>): Map<number, { bytes: Uint8Array<ArrayBuffer>; digest: string }> {
  const view = viewOf(file);
  return new Map(
    Array.from({ length: view.getUint32(12, true) }, (_, index) => {
      const at = 64 * (1 + index);
      const offset = Number(view.getBigUint64(at + 8, true));
      const bytes = file.subarray(offset, offset + Number(view.getBigUint64(at + 16, true)));
      return [view.getUint32(at, true), { bytes, digest: hexOf(file, at + 32, 32) }];
    }),
  );
}

function viewOf(bytes: Uint8Array = new Uint8Array()): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hexOf(bytes: Uint8Array, at: number, length: number): string {
  return Array.from(bytes.subarray(at, at + length), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Kinds of sections. */
const WEIGHTS = 2;
const DIGESTS = 8;
const VALUES = 0x80000010;
