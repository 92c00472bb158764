// Small values: IndexedDB, one strict transaction for each commit.

import type { StoreFailure } from "../sync-glue.js";
import { MODELS } from "./store.js";

/** A value, or the name of the file that has it. */
export interface Value {
  readonly key: string;
  readonly bytes?: Uint8Array<ArrayBuffer>;
  readonly file?: string;
}

/** Values by their keys. */
export interface Values {
  /** All but those of models. */
  all(): Promise<Value[]>;
  one(key: string): Promise<Value | undefined>;
  /** Makes changes, all or none, durable; a key alone is removed. Throws what says why not. */
  change(changes: readonly Value[]): Promise<void>;
  close(): void;
}

/** Opens the values of a name, or makes room for them. */
export async function openValues(name: string): Promise<Values> {
  const opening = indexedDB.open(name, FORMAT);
  opening.onupgradeneeded = () => opening.result.createObjectStore(TABLE, { keyPath: "key" });
  return new Database(await done(opening));
}

class Database implements Values {
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
    // Another tab removes it, or makes it anew for a later version: what comes fails, and nothing is lost of what was.
    database.onversionchange = () => database.close();
  }

  async all(): Promise<Value[]> {
    const table = this.#database.transaction(TABLE).objectStore(TABLE);
    const ranges = [IDBKeyRange.upperBound(MODELS, true), IDBKeyRange.lowerBound(AFTER_MODELS)];
    const found = await Promise.all(ranges.map((range) => done<Value[]>(table.getAll(range))));
    return found.flat();
  }

  one(key: string): Promise<Value | undefined> {
    return done<Value | undefined>(this.#database.transaction(TABLE).objectStore(TABLE).get(key));
  }

  change(changes: readonly Value[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const transaction = this.#database.transaction(TABLE, "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new DOMException("the transaction was ended", "AbortError"));
      const table = transaction.objectStore(TABLE);
      try {
        for (const value of changes) {
          if (value.bytes ?? value.file) table.put(value);
          else table.delete(value.key);
        }
        // At once: a page that is being left may not be there when the last change is done.
        transaction.commit();
      } catch (cause) {
        // Otherwise what was put before would stay.
        transaction.abort();
        throw cause;
      }
    });
  }

  close(): void {
    this.#database.close();
  }
}

/** Why a change didn't happen. */
export function failureOf(cause: unknown): StoreFailure {
  return (cause as Partial<Error>)?.name === "QuotaExceededError" ? "full" : "broken";
}

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

const FORMAT = 1;
const TABLE = "values";
/** The first key after those of models. */
const AFTER_MODELS = "slot0";
