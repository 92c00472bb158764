// The module with the machines, and what they begin with.

import { DunlinError, type ModuleSource } from "../index.js";
import { type Core, instantiate, type SyncInstance } from "../sync-glue.js";

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
}

/** An instance of the module, from the folder that was given or from beside the script. */
export async function newSync(source: ModuleSource | undefined): Promise<SyncInstance> {
  const folder = typeof source === "string" || source instanceof URL ? String(source) : "";
  const address = folder.endsWith("/") ? `${folder}dunlin_sync.wasm` : new URL("./dunlin_sync.wasm", import.meta.url).href;
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
  for (const [key, value] of stored) start.put(key, value);
  return start.open(seed, now);
}
