// The module with the machines, and what they begin with.

import { DunlinError, type ModuleSource } from "../index.js";
import { type Core, instantiate, type SyncInstance } from "../sync-glue.js";
import type { Consent, SummaryMode } from "./options.js";

/** What an app wants of updates; all of it is there. */
export interface Config {
  readonly model: string;
  readonly factory: number;
  readonly repository: string;
  readonly timestamp: number;
  readonly snapshot: number;
  readonly targets: number;
  readonly cohorts: readonly string[];
  readonly runtime: number;
  readonly interval: number;
  readonly metered: boolean;
  readonly charging: boolean;
  readonly bytesPerDay: number;
  /** Of a client that asks the cloud, or tells summaries. */
  readonly fleet?: FleetConfig | undefined;
}

/** What an app wants of questions and summaries, and what its user agreed to so far. */
export interface FleetConfig {
  readonly servers: readonly { readonly url: string; readonly model: string; readonly version: string | undefined; readonly token: string | undefined }[];
  /** Eight, as `Start.cloud` takes them. */
  readonly numbers: Float64Array;
  /** How many of 1,000 answers that aren't in doubt people are to look at. */
  readonly audits: number;
  readonly summaries: { readonly server: string; readonly token: string | undefined; readonly epsilon: number; readonly metrics: number; readonly cohort: readonly string[] } | undefined;
  consent: Consent;
  mode: SummaryMode;
}

/** Addresses that bundlers find: the module with all machines, and that of updates alone. */
const ADDRESS = {
  fleet: () => new URL("./dunlin_fleet.wasm", import.meta.url),
  sync: () => new URL("./dunlin_sync.wasm", import.meta.url),
};

/** An instance of a module, from the folder that was given or from beside the script. */
export async function newSync(source: ModuleSource | undefined, build: keyof typeof ADDRESS = "sync"): Promise<SyncInstance> {
  const folder = typeof source === "string" || source instanceof URL ? String(source) : "";
  const address = folder.endsWith("/") ? `${folder}dunlin_${build}.wasm` : ADDRESS[build]().href;
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return await instantiate(await WebAssembly.compile(await response.arrayBuffer()));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new DunlinError("fetch", `${address} can't be loaded: ${why}; serve dist/*.wasm of the package, or name their folder with \`wasm\``, { cause });
  }
}

/** The machines, from what the store has. `seed` are 32 random bytes. */
export function newCore(
  sync: SyncInstance,
  config: Config,
  root: Uint8Array,
  stored: ReadonlyMap<string, Uint8Array>,
  now: number,
  seed: Uint8Array = crypto.getRandomValues(new Uint8Array(32)),
): Core {
  const { model, repository, cohorts, metered, charging } = config;
  const { factory, timestamp, snapshot, targets, runtime, interval, bytesPerDay } = config;
  const numbers = Float64Array.of(factory, timestamp, snapshot, targets, runtime, interval, bytesPerDay);
  const start = new sync.Start(model, repository, root, cohorts, numbers, metered, charging);
  const { fleet } = config;
  if (fleet) {
    for (const { url, model, version, token } of fleet.servers) start.server(url, model, version, token);
    start.cloud(fleet.consent, fleet.numbers);
    if (fleet.summaries) start.summaries(fleet.summaries.server, fleet.summaries.token, epsilonOf(fleet), fleet.summaries.metrics);
  }
  for (const [key, value] of stored) start.put(key, value);
  return start.open(seed, now);
}

/** How much a day's summary may reveal; 0 for none. */
export function epsilonOf({ mode, summaries }: FleetConfig): number {
  return mode === "off" ? 0 : (summaries?.epsilon ?? 0);
}
