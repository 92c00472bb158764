// The module, compiled once, and an instance of it for each classifier.

import { bestBuild, type Build } from "./builds.js";
import { DunlinError } from "./error.js";
import { type Instance, instantiate } from "./glue.js";
import { body, messageOf, open } from "./source.js";

/** Where the module comes from: its address, that of a folder with all of the package's (ends with `/`), its bytes, or itself. */
export type ModuleSource = string | URL | Response | ArrayBuffer | ArrayBufferView | WebAssembly.Module;

/** Addresses that bundlers find, each of which they copy beside the script. */
const ADDRESS: Record<Build, () => URL> = {
  baseline: () => new URL("./dunlin_baseline.wasm", import.meta.url),
  simd: () => new URL("./dunlin_simd.wasm", import.meta.url),
  relaxed: () => new URL("./dunlin_relaxed.wasm", import.meta.url),
};

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** An instance of its own, of the module that fits this host unless another is given. */
export async function newInstance(source: ModuleSource | undefined): Promise<Instance> {
  const module = await moduleOf(source);
  try {
    return await instantiate(module);
  } catch (cause) {
    const code = cause instanceof RangeError ? "memory" : "internal";
    throw new DunlinError(code, `the runtime can't be started: ${messageOf(cause)}`, { cause });
  }
}

async function moduleOf(source: ModuleSource | undefined): Promise<WebAssembly.Module> {
  if (source instanceof WebAssembly.Module) return source;
  if (source === undefined || typeof source === "string" || source instanceof URL) return moduleAt(addressOf(source));
  if (source instanceof Response) return compile(source);
  return compileBytes(source as BufferSource, "the bytes given");
}

function addressOf(source: string | URL | undefined): string {
  const build = bestBuild();
  const address = source === undefined ? ADDRESS[build]().href : String(source);
  return address.endsWith("/") ? `${address}dunlin_${build}.wasm` : address;
}

/** Compiled once; a failure isn't kept. */
function moduleAt(address: string): Promise<WebAssembly.Module> {
  let module = modules.get(address);
  if (!module) {
    module = open(address, undefined).then(compile);
    modules.set(address, module);
    module.catch(() => modules.delete(address));
  }
  return module;
}

/** Compiles while the module arrives, where the server calls it by its type. */
async function compile(response: Response): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type");
  if (response.ok && type === "application/wasm" && "compileStreaming" in WebAssembly) {
    try {
      return await WebAssembly.compileStreaming(response);
    } catch (cause) {
      throw unusable(response.url, cause);
    }
  }
  const { pieces } = await body(response, {});
  return compileBytes(await new Blob(pieces as BlobPart[]).arrayBuffer(), `${response.url} (${type ?? "of no type"})`);
}

async function compileBytes(bytes: BufferSource, what: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw unusable(what, cause);
  }
}

function unusable(what: string, cause: unknown): DunlinError {
  const remedy = "serve dist/*.wasm of the package, or name its place with the option `wasm`";
  return new DunlinError("fetch", `${what} is no WebAssembly module that runs here: ${messageOf(cause)}; ${remedy}`, { cause });
}

/** Whether the host has no more memory for the instance: less than a megabyte. */
export function isExhausted(instance: Instance): boolean {
  try {
    instance.memory.grow(16);
    return false;
  } catch {
    return true;
  }
}
