// Keys and values, changed by commits that are whole and durable.

import type { Change, StoreFailure } from "../sync-glue.js";

/** A store. */
export interface Store {
  /** Whether it outlives the page. */
  readonly persistent: boolean;
  /** All values but those of models. */
  stored(): Promise<Map<string, Uint8Array>>;
  /** A value, if there is one that can be read and is what was written. */
  read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Makes changes, all or none, durable before the promise is fulfilled; otherwise says why not, and nothing has changed. */
  commit(changes: readonly Change[]): Promise<StoreFailure | undefined>;
  close(): void;
}

/** Where models' own bytes are. */
export const MODELS = "slot/";

/** A store that is gone with the page. */
export class MemoryStore implements Store {
  readonly persistent = false;
  readonly #values = new Map<string, Uint8Array<ArrayBuffer>>();

  async stored(): Promise<Map<string, Uint8Array>> {
    return new Map([...this.#values].filter(([key]) => !key.startsWith(MODELS)));
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#values.get(key);
  }

  async commit(changes: readonly Change[]): Promise<undefined> {
    for (const { key, value } of changes) {
      if (value) this.#values.set(key, value);
      else this.#values.delete(key);
    }
  }

  close(): void {
    // Nothing is open.
  }
}
