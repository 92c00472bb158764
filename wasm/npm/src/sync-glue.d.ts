// What `cargo web` makes of wasm-bindgen's script for the crate in ../../sync; its functions throw `Failure` of `glue.d.ts`.

import type { ClientEvent, Why } from "./client/event.js";
import type { Consent } from "./client/options.js";

export function instantiate(module: WebAssembly.Module): Promise<SyncInstance>;

export interface SyncInstance {
  readonly memory: WebAssembly.Memory;
  readonly Start: new (
    model: string,
    repository: string,
    root: Uint8Array,
    cohorts: readonly string[],
    numbers: Float64Array,
    metered: boolean,
    charging: boolean,
  ) => Start;
  readonly Question: new (model: Uint8Array, reason: string, labels: readonly string[], index: number, review: boolean) => Question;
  sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  goldenInput(seed: bigint, elementType: string, elements: number): Uint8Array | undefined;
}

export interface Start {
  put(key: string, value: Uint8Array): void;
  /** Of the module for fleets only, as the next two. */
  cloud(consent: Consent, numbers: Float64Array): void;
  server(url: string, model: string, version: string | undefined, token: string | undefined): void;
  summaries(server: string, token: string | undefined, epsilon: number, metrics: number): void;
  open(seed: Uint8Array, now: number): Core;
}

/** A question to the cloud, of the module for fleets only. */
export interface Question {
  text(text: string): void;
  image(height: number, width: number, pixels: Uint8Array): void;
  features(logits: Float32Array): void;
}

/** The machines. After each call but the last three there may be effects. */
export interface Core {
  poll(now: number): Effect | undefined;
  answered(now: number, id: number, status: number, headers: string[], body: Uint8Array): void;
  unanswered(now: number, id: number, failure: Failure): void;
  committed(now: number, id: number, failure: StoreFailure | undefined): void;
  woken(now: number): void;
  given(now: number, id: number, bytes: Uint8Array | undefined): void;
  conditions(now: number, metered: boolean, charging: boolean): void;
  check(now: number): void;
  tried(now: number, reason: TrialFault | undefined): void;
  observed(now: number, agrees: boolean, fallsBack: boolean, microseconds: number): void;
  broken(now: number, place: Place, lost: boolean): void;
  ended(now: number): void;
  /** Of the module for fleets only, as the others up to `counted`. */
  ask(now: number, ticket: string, question: Question, budget: number): void;
  audit(now: number, question: Question, probability: number): void;
  done(now: number, ticket: string): void;
  consent(now: number, consent: Consent): void;
  summaries(now: number, epsilon: number, metrics: number): void;
  counts(): boolean;
  subject(now: number, model: Uint8Array, baseline: Uint8Array | undefined, cohort: readonly string[]): void;
  counted(now: number, numbers: Float64Array, reason: string | undefined): void;
  serving(): Installed;
  expires(): number | undefined;
  free(): void;
}

/** Where a model is: in the app, which shipped it, or in one of the store's two slots. */
export type Place = "factory" | "a" | "b";

export interface Installed {
  readonly place: Place;
  readonly version: number;
}

/** Why there is no answer. */
export type Failure = "connect" | "broken" | "timeout" | "too_long";

/** Why a commit didn't happen. */
export type StoreFailure = "full" | "broken";

/** Why a model that was tried isn't good. */
export type TrialFault = "load" | "golden" | "latency" | "lost";

export interface Request {
  readonly id: number;
  readonly method: "GET" | "POST" | "PUT";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly maxBytes: number;
  readonly timeout: number;
}

/** A key with its new value, or without one to remove it. */
export interface Change {
  readonly key: string;
  readonly value?: Uint8Array<ArrayBuffer>;
}

export interface Activation {
  readonly first: Installed;
  readonly shadow?: Installed;
}

export interface Trial {
  readonly candidate: Installed;
  /** The most milliseconds that a golden input may take. */
  readonly latency?: number;
}

/** What became of a question. */
export type Asked =
  | { readonly kind: "answered" | "upgrade"; readonly ticket: string; readonly index: number; readonly probabilities: Float32Array }
  | { readonly kind: "local"; readonly ticket: string; readonly why: Why; readonly later: number }
  | { readonly kind: "waiting"; readonly ticket: string }
  | { readonly kind: "dropped"; readonly ticket: string; readonly why: Why }
  | { readonly kind: "damaged"; readonly items: number }
  | { readonly kind: "agreement" };

/** What is to be done, in this order. */
export type Effect =
  | ({ readonly kind: "send" } & Request)
  | { readonly kind: "commit"; readonly id: number; readonly changes: readonly Change[] }
  | { readonly kind: "read"; readonly id: number; readonly place: Place }
  | ({ readonly kind: "trial" } & Trial)
  | ({ readonly kind: "activate" } & Activation)
  | { readonly kind: "notify"; readonly event: ClientEvent }
  | { readonly kind: "cloud"; readonly event: Asked }
  | { readonly kind: "wake"; readonly at: number };

