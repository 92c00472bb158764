// What a client is made of.

import type { ModuleSource, Source } from "../index.js";
import type { Conditions } from "./conditions.js";
import type { ClientEvent } from "./event.js";

/** What a client is made of. */
export interface ClientOptions {
  /** The model's name, as its publisher gave it. */
  readonly model: string;
  /** The model that the app ships, and its version; none below it is ever taken. It is loaded only when it answers. */
  readonly shipped: { readonly source: Source; readonly version: number };
  /** The repository's address. */
  readonly repository: string | URL;
  /** The root of trust that the app ships: the text or the bytes of a `root.json`. */
  readonly root: string | ArrayBuffer | ArrayBufferView;
  /** Versions of metadata below which nothing is believed, for a store that was emptied. */
  readonly floor?: Floor | undefined;
  /** The cohorts that the device is in, such as a language. */
  readonly cohorts?: readonly string[] | undefined;
  /** The store's name, of which an origin may have several; the model's unless it says otherwise. */
  readonly store?: string | undefined;
  /** Milliseconds between two looks for updates, on average; a day unless it says otherwise. */
  readonly interval?: number | undefined;
  /** When models are fetched. */
  readonly when?: When | undefined;
  /** How the device is doing, instead of what the browser says of it. */
  readonly conditions?: (() => Conditions | Promise<Conditions>) | undefined;
  /** Whom to ask where the model isn't sure, and what its user allows; nobody unless it says so. */
  readonly cloud?: Cloud | undefined;
  /** Where to tell summaries of the answers, and whether its user agreed to that; nowhere unless it says so. */
  readonly summaries?: Summaries | undefined;
  /** Is told what happens. */
  readonly onEvent?: ((event: ClientEvent) => void) | undefined;
  /** Bytes that a model may compute in. */
  readonly memoryLimit?: number | undefined;
  /** Where the runtime's modules are, as in {@link Classifier.load}. */
  readonly wasm?: ModuleSource | undefined;
}

/** When models are fetched. Metadata, a few kilobytes, is always. */
export interface When {
  /** Also over a connection that costs, or of which the browser doesn't say whether it does. */
  readonly metered?: boolean | undefined;
  /** Only while the device is charging, as far as the browser says so. */
  readonly charging?: boolean | undefined;
  /** The most bytes a day, metadata included; 256 MiB unless it says otherwise. */
  readonly bytesPerDay?: number | undefined;
}

/** Questions to the cloud. Times are milliseconds. */
export interface Cloud {
  /** Who is asked: the first that isn't given a rest, of eight at most. */
  readonly servers: readonly CloudServer[];
  /** How much of an input may leave the device; `none` unless it says otherwise. */
  readonly consent?: Consent | undefined;
  /** How long one request may take; 10,000. */
  readonly timeout?: number | undefined;
  /** How often a question is sent at most between two starts; 16. */
  readonly tries?: number | undefined;
  /** The most questions a day; 200. */
  readonly questionsPerDay?: number | undefined;
  /** The most bytes a day, there and back; 8 MiB. */
  readonly bytesPerDay?: number | undefined;
  /** How many hundredths of the questions may be sent twice because the first answer is late; 10. */
  readonly hedges?: number | undefined;
  /** How many of 1,000 answers that aren't in doubt people are to look at, drawn by chance: of what `ask` is asked with `review`; 0. */
  readonly audits?: number | undefined;
  /** What may wait for an answer after the device's was given: 64 questions of 2 MiB all together, for 3 days. */
  readonly outbox?: { readonly items?: number | undefined; readonly bytes?: number | undefined; readonly age?: number | undefined } | undefined;
}

/** A server of the Open Inference Protocol. */
export interface CloudServer {
  /** The address before `/v2`. */
  readonly url: string | URL;
  /** The model's name there. */
  readonly model: string;
  /** Its version; the server chooses where none is named. */
  readonly version?: string | undefined;
  /** What is sent as a bearer token; whoever has the page has it as well. */
  readonly token?: string | undefined;
}

/** How much of an input may leave the device; each level allows what the ones before it do. */
export type Consent =
  /** Nothing. */
  | "none"
  /** The model's logits. */
  | "features"
  /** The text or the picture itself. */
  | "input";

/** Summaries of a day's answers, of which none says for sure what was answered. */
export interface Summaries {
  /** The server's address. */
  readonly server: string | URL;
  /** What is sent as a bearer token; whoever has the page has it as well. */
  readonly token?: string | undefined;
  /** What the user agreed to; `off` unless it says otherwise. */
  readonly mode?: SummaryMode | undefined;
  /** How much a day reveals, 0.01 to 10; 2 unless it says otherwise. */
  readonly epsilon?: number | undefined;
  /** How many metrics share that; 1 unless it says otherwise. */
  readonly metrics?: number | undefined;
  /** Whose answers they are: at most three coarse words, of what the publisher allows. */
  readonly cohort?: Readonly<Record<string, string>> | undefined;
}

/** Whether summaries are told. */
export type SummaryMode =
  /** Nothing is counted, and what waited is deleted. */
  | "off"
  /** To one server, by randomized response. */
  | "local_dp";

/** Least versions of metadata; 0 unless it says otherwise. */
export interface Floor {
  /** Of `timestamp.json`. */
  readonly timestamp?: number | undefined;
  /** Of `snapshot.json`. */
  readonly snapshot?: number | undefined;
  /** Of `targets.json`. */
  readonly targets?: number | undefined;
}
