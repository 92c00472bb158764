// What `cargo web` makes of wasm-bindgen's script for the crate in ../..; its functions throw `Failure`.

import type { Outcome, Reason, Rule } from "./decision.js";
import type { DunlinErrorCode } from "./error.js";

export function instantiate(module: WebAssembly.Module): Promise<Instance>;

export interface Failure extends Error {
  readonly dunlinCode: DunlinErrorCode;
}

export interface Instance {
  readonly memory: WebAssembly.Memory;
  kernelSet(): string;
  readonly ArtifactFile: new (length: number) => ArtifactFile;
}

export interface ArtifactFile {
  write(offset: number, bytes: Uint8Array): void;
  load(limit: number | undefined): Classifier;
}

export interface Classifier {
  classifyPixels(data: Uint8Array | Uint8ClampedArray, width: number, height: number, channels: number): void;
  classifyValues(values: Float32Array): void;
  classification(head: number, top: number | undefined, cohort: string | undefined, stale: boolean, fallback: boolean, evasion: number): Classification | undefined;
  text(): Uint8Array | undefined;
  setLength(length: number): void;
  setInput(input: number, bytes: Uint8Array): void;
  run(): void;
  output(output: number): Float32Array | Uint8Array | undefined;
  inputs(): { elementType: string; shape: Uint32Array }[];
  explain(): { name: string; kernel: string; elementType: string; shape: Uint32Array; bytes: number; macs: number }[];
  labels(head: number, locale: string): string[];
  free(): void;
}

export interface Classification {
  /** Of all heads but the first. */
  name?: string;
  probabilities: Float32Array;
  logits: Float32Array;
  top: Uint32Array;
  outcome: Outcome;
  reason: Reason | undefined;
  rule: Rule;
  index: number;
  probability: number;
  margin: number;
  energy: number | undefined;
  set: Uint32Array;
}
