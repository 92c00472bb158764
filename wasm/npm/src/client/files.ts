// Large values: files of the origin's own file system, each written once and named by its digest.

/** Files by their names. */
export interface Files {
  names(): Promise<string[]>;
  /** A file's bytes, if there is such a file. */
  read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Writes a whole file; what was of it is gone. */
  write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  remove(name: string): Promise<void>;
}

/** The files of a name; nothing where a page can't write files. */
export async function openFiles(name: string): Promise<Files | undefined> {
  if (!("createWritable" in (globalThis.FileSystemFileHandle?.prototype ?? {}))) return undefined;
  try {
    const origin = await navigator.storage.getDirectory();
    return new Folder(await origin.getDirectoryHandle(name, { create: true }));
  } catch {
    // A private window, as a rule. The values that would be files lie with the others then.
    return undefined;
  }
}

class Folder implements Files {
  readonly #folder: FileSystemDirectoryHandle;

  constructor(folder: FileSystemDirectoryHandle) {
    this.#folder = folder;
  }

  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of (this.#folder as unknown as { keys(): AsyncIterable<string> }).keys()) names.push(name);
    return names;
  }

  async read(name: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const file = await (await this.#folder.getFileHandle(name)).getFile();
      return new Uint8Array(await file.arrayBuffer());
    } catch (cause) {
      if ((cause as Partial<Error>)?.name === "NotFoundError") return undefined;
      throw cause;
    }
  }

  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const writable = await (await this.#folder.getFileHandle(name, { create: true })).createWritable();
    await writable.write(bytes);
    await writable.close();
  }

  remove(name: string): Promise<void> {
    return this.#folder.removeEntry(name);
  }
}
