// An app's options as the machines, and the models' readers, take them.

import { DunlinError, type Source } from "../index.js";
import type { Config, FleetConfig } from "./core.js";
import type { ClientOptions, Cloud, Consent, Summaries, SummaryMode } from "./options.js";

/** The options as the machines take them. */
export function configOf({ model, shipped, repository, floor = {}, cohorts = [], interval = DAY, when = {}, cloud, summaries }: ClientOptions): Config {
  const address = addressOf(repository);
  const numbers = { timestamp: floor.timestamp ?? 0, snapshot: floor.snapshot ?? 0, targets: floor.targets ?? 0 };
  const { metered = false, charging = false, bytesPerDay = 256 * 2 ** 20 } = when;
  const config = { model, factory: shipped.version, repository: address, ...numbers, cohorts, runtime: ARTIFACT, interval, metered, charging, bytesPerDay };
  for (const [name, value] of Object.entries(config)) {
    if (typeof value === "number") whole(name === "factory" ? "the shipped version" : name, value);
  }
  return cloud || summaries ? { ...config, fleet: fleetOf(cloud ?? { servers: [] }, summaries) } : config;
}

function fleetOf(cloud: Cloud, summaries: Summaries | undefined): FleetConfig {
  const { servers, consent = "none", audits = 0, outbox = {} } = cloud;
  const { timeout = 10_000, tries = 16, questionsPerDay = 200, bytesPerDay = 8 * 2 ** 20, hedges = 10 } = cloud;
  const { items = 64, bytes = 2 * 2 ** 20, age = 3 * DAY } = outbox;
  const numbers = { timeout, tries, questionsPerDay, bytesPerDay, hedges, items, bytes, age };
  for (const [name, value] of Object.entries({ ...numbers, audits })) whole(name, value);
  return {
    servers: servers.map(({ url, model, version, token }) => ({ url: addressOf(url), model, version, token })),
    numbers: Float64Array.from(Object.values(numbers)),
    audits,
    summaries: summaries && tellingOf(summaries),
    consent: known("consent", CONSENTS, consent),
    mode: known("mode", MODES, summaries?.mode ?? "off"),
  };
}

function tellingOf({ server, token, epsilon = 2, metrics = 1, cohort = {} }: Summaries): FleetConfig["summaries"] {
  if (!(epsilon >= 0.01 && epsilon <= 10)) throw new DunlinError("input", `epsilon is from 0.01 to 10, not ${epsilon}`);
  whole("metrics", metrics - 1);
  const words = Object.entries(cohort).flat();
  if (words.length > 6 || !words.every((word) => /^[A-Za-z0-9._-]{1,32}$/.test(word))) {
    throw new DunlinError("input", "a cohort has at most three keys; they and their values are 1 to 32 of A-Z, a-z, 0-9, . _ -");
  }
  return { server: addressOf(server), token, epsilon, metrics, cohort: words };
}

/** One of several words. */
export function known<T extends string>(name: string, words: readonly T[], word: T): T {
  if (!words.includes(word)) throw new DunlinError("input", `${name} is ${words.join(" or ")}, not ${String(word)}`);
  return word;
}

export const CONSENTS: readonly Consent[] = ["none", "features", "input"];
export const MODES: readonly SummaryMode[] = ["off", "local_dp"];

function whole(name: string, value: number): void {
  if (!(Number.isSafeInteger(value) && value >= 0)) throw new DunlinError("input", `${name} is a whole number from 0 on, not ${value}`);
}

/** An address without a slash at its end. */
function addressOf(address: string | URL): string {
  return new URL(address, (globalThis as { location?: { href: string } }).location?.href).href.replace(/\/$/, "");
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
