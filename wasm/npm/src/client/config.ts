// An app's options as the machines, and the models' readers, take them.

import { DunlinError, type Source } from "../index.js";
import type { Config } from "./core.js";
import type { ClientOptions } from "./options.js";

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
