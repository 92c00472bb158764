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

/** Least versions of metadata; 0 unless it says otherwise. */
export interface Floor {
  /** Of `timestamp.json`. */
  readonly timestamp?: number | undefined;
  /** Of `snapshot.json`. */
  readonly snapshot?: number | undefined;
  /** Of `targets.json`. */
  readonly targets?: number | undefined;
}
