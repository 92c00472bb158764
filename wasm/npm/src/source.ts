// Bytes from wherever they are.

import { orAborted } from "./abort.js";
import { DunlinError } from "./error.js";

/** Where bytes come from: an address, in Node also a file's path; a response; or the bytes. */
export type Source = string | URL | Request | Response | Blob | ArrayBuffer | ArrayBufferView;

/** WebAssembly's compiled module, where the host's types have it. */
type CompiledModule = typeof globalThis extends { WebAssembly: { Module: { prototype: infer Class } } } ? Class : never;

/**
 * Where the runtime's module comes from: its address, that of a folder with all of the package's modules (ends with `/`), a response, the
 * bytes, or what was compiled of them.
 */
export type ModuleSource = string | URL | Response | ArrayBuffer | ArrayBufferView | CompiledModule;

/** How far the transfer has come, in bytes. `total` is missing where the server doesn't tell it. */
export interface Progress {
  readonly loaded: number;
  readonly total?: number;
}

/** How to transfer. */
export interface TransferOptions {
  /** Called for each piece that has arrived. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Ends the transfer; what was waiting for it throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Bytes in pieces, so that none but the last copy of them is in one. */
export interface Pieces {
  readonly pieces: Uint8Array[];
  readonly length: number;
}

/** All bytes of the source. */
export async function transfer(source: Source, options: TransferOptions): Promise<Pieces> {
  const { onProgress, signal } = options;
  signal?.throwIfAborted();
  const bytes = bytesOf(source);
  if (bytes) {
    onProgress?.({ loaded: bytes.length, total: bytes.length });
    return { pieces: [bytes], length: bytes.length };
  }
  if (source instanceof Blob) return collect(source.stream(), source.size, "the blob", options);
  const response = source instanceof Response ? source : await open(source as string | URL | Request, signal);
  return body(response, options);
}

function bytesOf(source: Source): Uint8Array | undefined {
  if (ArrayBuffer.isView(source)) return new Uint8Array(source.buffer, source.byteOffset, source.byteLength);
  // Of another window, or shared: neither is an instance of this window's class.
  const tag = Object.prototype.toString.call(source);
  const isBuffer = tag === "[object ArrayBuffer]" || tag === "[object SharedArrayBuffer]";
  return isBuffer ? new Uint8Array(source as ArrayBuffer) : undefined;
}

/** The response of an address. Files are read where the host is Node, whose `fetch` knows no files. */
export async function open(source: string | URL | Request, signal: AbortSignal | undefined): Promise<Response> {
  const what = source instanceof Request ? source.url : String(source);
  try {
    const file = fileOf(source);
    if (!file) return await fetch(source, signal ? { signal } : {});
    const { readFile } = file.fs;
    const bytes = await readFile(file.path, signal ? { signal } : {});
    return new Response(bytes, { headers: { "content-length": String(bytes.length) } });
  } catch (cause) {
    signal?.throwIfAborted();
    throw new DunlinError("fetch", `${what} can't be read: ${messageOf(cause)}`, { cause });
  }
}

interface Files {
  readFile(path: string | URL, options: { signal?: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>;
}

/** The file that an address without another scheme than `file:` means to Node. */
function fileOf(source: string | URL | Request): { path: string | URL; fs: Files } | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?(name: string): unknown; versions?: { node?: string } } }).process;
  if (!host?.versions?.node || source instanceof Request) return undefined;
  const scheme = /^([a-z][a-z\d+.-]+):/i.exec(String(source))?.[1]?.toLowerCase();
  if (scheme && scheme !== "file") return undefined;
  const fs = host.getBuiltinModule?.("node:fs/promises") as Files | undefined;
  if (!fs) throw new Error("Node reads files from version 20.16 on; give the bytes");
  return { path: scheme ? new URL(source) : source, fs };
}

/** The body of a response, which must have been a success. */
export async function body(response: Response, options: TransferOptions): Promise<Pieces> {
  const what = response.url || "the response";
  if (!response.ok) {
    await response.body?.cancel();
    throw new DunlinError("fetch", `${what} can't be read: HTTP ${response.status} ${response.statusText}`.trimEnd());
  }
  if (!response.body) return { pieces: [], length: 0 };
  // The length that the server tells is that of compressed bytes, where they are compressed.
  const told = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  return collect(response.body, told ? Number(told) : undefined, what, options);
}

async function collect(stream: ReadableStream<Uint8Array>, total: number | undefined, what: string, options: TransferOptions): Promise<Pieces> {
  const { onProgress, signal } = options;
  const pieces: Uint8Array[] = [];
  let loaded = 0;
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await orAborted(reader.read(), signal);
      if (done) return { pieces, length: loaded };
      pieces.push(value);
      loaded += value.length;
      onProgress?.(total === undefined ? { loaded } : { loaded, total });
    }
  } catch (cause) {
    await reader.cancel(cause).catch(() => undefined);
    signal?.throwIfAborted();
    throw new DunlinError("fetch", `${what} broke off after ${loaded} bytes: ${messageOf(cause)}`, { cause });
  }
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
