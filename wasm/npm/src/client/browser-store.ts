// A store over a database of small values and a folder of large ones.

import type { Change, StoreFailure } from "../sync-glue.js";
import { type Files, openFiles } from "./files.js";
import { MemoryStore, type Store } from "./store.js";
import { failureOf, openValues, type Value, type Values } from "./values.js";

/** The store of a name, as durable as the host makes it: one that is gone with the page, where nothing else can be had. */
export async function openStore(name: string): Promise<Store> {
  const lasting = globalThis.isSecureContext && "indexedDB" in globalThis && "locks" in navigator;
  if (!lasting) return new MemoryStore();
  try {
    return new BrowserStore(await openValues(`dunlin/${name}`), await openFiles(`dunlin-${name}`));
  } catch {
    // A window that is so private that it has no database, or a disk that is full.
    return new MemoryStore();
  }
}

/** Values in a database; large ones in files, which are written before the commit that names them. */
export class BrowserStore implements Store {
  readonly persistent = true;

  constructor(
    readonly values: Values,
    readonly files: Files | undefined,
  ) {}

  async stored(): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    for (const value of await this.values.all()) {
      // What was lost is told as something that can't be read, so that whoever owns the key removes it.
      found.set(value.key, (await this.#bytesOf(value)) ?? new Uint8Array());
    }
    return found;
  }

  async read(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const value = await this.values.one(key);
    return value && this.#bytesOf(value);
  }

  async commit(changes: readonly Change[]): Promise<StoreFailure | undefined> {
    try {
      const placed = await Promise.all(changes.map((change) => this.#place(change)));
      await this.values.change(placed);
      return undefined;
    } catch (cause) {
      return failureOf(cause);
    }
  }

  /** Removes files that no value names, of commits that didn't happen, or are of the past. Only where nobody else commits. */
  async sweep(): Promise<void> {
    if (!this.files) return;
    const kept = new Set<string | undefined>((await this.#named()).map(({ file }) => file));
    for (const name of await this.files.names()) {
      // One that can't be removed now is removed later.
      if (!kept.has(name)) await this.files.remove(name).catch(() => undefined);
    }
  }

  close(): void {
    this.values.close();
  }

  async #named(): Promise<Value[]> {
    const models = await Promise.all(["slot/a", "slot/b"].map((key) => this.values.one(key)));
    return [...(await this.values.all()), ...models.filter((value) => value !== undefined)];
  }

  /** Writes a large value to its file. */
  async #place({ key, value }: Change): Promise<Value> {
    if (!value) return { key };
    if (!this.files || value.length <= LARGE) return { key, bytes: value };
    const file = await digestOf(value);
    // One that is there may be another value's, and is left alone.
    if (!(await this.#bytesOf({ key, file }))) await this.files.write(file, value);
    return { key, file };
  }

  /** What a value is, unless its file is gone or damaged. */
  async #bytesOf({ bytes, file }: Value): Promise<Uint8Array<ArrayBuffer> | undefined> {
    if (file === undefined) return bytes;
    const found = await this.files?.read(file);
    return found && (await digestOf(found)) === file ? found : undefined;
  }
}

/** SHA-256 in hexadecimal digits. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Values beyond so many bytes have files of their own. */
const LARGE = 64 << 10;
