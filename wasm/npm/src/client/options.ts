// What a client is made of.

import { DunlinError, type ModuleSource, type Source } from "../index.js";
import type { Conditions } from "./conditions.js";
import type { Config } from "./core.js";
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
  readonly floor?: { readonly timestamp?: number; readonly snapshot?: number; readonly targets?: number };
  /** The cohorts that the device is in, such as a language. */
  readonly cohorts?: readonly string[];
  /** The store's name, of which an origin may have several; the model's unless it says otherwise. */
  readonly store?: string;
  /** Milliseconds between two looks for updates, on average; a day unless it says otherwise. */
  readonly interval?: number;
  /** When models are fetched. */
  readonly when?: When;
  /** How the device is doing, instead of what the browser says of it. */
  readonly conditions?: () => Conditions | Promise<Conditions>;
  /** Is told what happens. */
  readonly onEvent?: (event: ClientEvent) => void;
  /** Bytes that a model may compute in. */
  readonly memoryLimit?: number;
  /** Where the runtime's modules are, as in {@link Classifier.load}. */
  readonly wasm?: ModuleSource;
}

/** When models are fetched. Metadata, a few kilobytes, is always. */
export interface When {
  /** Also over a connection that costs, or of which the browser doesn't say whether it does. */
  readonly metered?: boolean;
  /** Only while the device is charging, as far as the browser says so. */
  readonly charging?: boolean;
  /** The most bytes a day, metadata included; 256 MiB unless it says otherwise. */
  readonly bytesPerDay?: number;
}

/** The options as the machines take them. */
export function configOf({ model, shipped, repository, floor = {}, cohorts = [], interval = DAY, when = {} }: ClientOptions): Config {
  const address = new URL(repository, (globalThis as { location?: { href: string } }).location?.href).href.replace(/\/$/, "");
  const numbers = { timestamp: floor.timestamp ?? 0, snapshot: floor.snapshot ?? 0, targets: floor.targets ?? 0 };
  const { metered = false, charging = false, bytesPerDay = 256 * 2 ** 20 } = when;
  const config = { model, factory: shipped.version, repository: address, ...numbers, cohorts, runtime: ARTIFACT, interval, metered, charging, bytesPerDay };
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === "number" && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new DunlinError("input", `${name === "factory" ? "the shipped version" : name} is a whole number from 0 on, not ${value}`);
    }
  }
  return config;
}

/** The bytes of a root of trust. */
export function bytesOf(root: ClientOptions["root"]): Uint8Array {
  if (typeof root === "string") return new TextEncoder().encode(root);
  return ArrayBuffer.isView(root) ? new Uint8Array(root.buffer, root.byteOffset, root.byteLength) : new Uint8Array(root);
}

/** Gives the bytes of the model that the app ships, as often as they are wanted. */
export function shippedReader(source: Source): () => Promise<Uint8Array<ArrayBuffer>> {
  const isAddress = typeof source === "string" || source instanceof URL || source instanceof Request;
  let kept: Promise<Blob> | undefined;
  return async () => {
    try {
      if (isAddress) return await read(await fetch(source instanceof Request ? source.clone() : source));
      kept ??= source instanceof Response ? blobOf(source) : Promise.resolve(new Blob([source as BlobPart]));
      return new Uint8Array(await (await kept).arrayBuffer());
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DunlinError("fetch", `the model that the app ships can't be read: ${why}`, { cause });
    }
  };
}

async function read(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await blobOf(response)).arrayBuffer());
}

async function blobOf(response: Response): Promise<Blob> {
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response.blob();
}

const DAY = 86_400_000;
/** The newest version of artifacts that the engine reads. */
export const ARTIFACT = 1;
