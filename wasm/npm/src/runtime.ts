// The module, compiled once, and an instance of it for each classifier.

import { bestBuild, type Build, refuseRelaxed } from "./builds.js";
import { DunlinError } from "./error.js";
import { type Instance, instantiate } from "./glue.js";
import { body, messageOf, type ModuleSource, open } from "./source.js";
import { instantiate as instantiateText, type TextInstance } from "./text-glue.js";

/** Addresses that bundlers find, each of which they copy beside the script. */
const ADDRESS: Record<Build, () => URL> = {
  baseline: () => new URL("./dunlin_baseline.wasm", import.meta.url),
  simd: () => new URL("./dunlin_simd.wasm", import.meta.url),
  relaxed: () => new URL("./dunlin_relaxed.wasm", import.meta.url),
};

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** An instance of the module for text, from the folder that was given or from beside the script. */
export async function newTextInstance(source: ModuleSource | undefined): Promise<TextInstance> {
  const folder = isFolder(source) ? source : undefined;
  const address = folder === undefined ? new URL("./dunlin_text.wasm", import.meta.url).href : `${folder}dunlin_text.wasm`;
  return instanceOf(await moduleAt(address), instantiateText);
}

/** An instance of its own, of the module that fits this host unless another is given. */
export async function newInstance(source: ModuleSource | undefined): Promise<Instance> {
  if (source === undefined || isFolder(source)) return bestInstance(source);
  if (source instanceof WebAssembly.Module) return instanceOf(source, instantiate);
  return instanceOf(await (isAddress(source) ? moduleAt(String(source)) : compileFrom(source)), instantiate);
}

/** Of the fastest module whose kernels compute rightly here. */
async function bestInstance(folder: string | URL | undefined): Promise<Instance> {
  const build = bestBuild();
  const address = folder === undefined ? ADDRESS[build]().href : `${folder}dunlin_${build}.wasm`;
  const instance = await instanceOf(await moduleAt(address), instantiate);
  if (build !== "relaxed" || instance.kernelSet() === "wasm_relaxed_simd") return instance;
  refuseRelaxed();
  return bestInstance(folder);
}

async function instanceOf<T>(module: WebAssembly.Module, instantiate: (module: WebAssembly.Module) => Promise<T>): Promise<T> {
  try {
    return await instantiate(module);
  } catch (cause) {
    // The host throws a RangeError when it has no memory left, and others when the module is another than the script is for.
    if (cause instanceof RangeError) throw new DunlinError("memory", `the host has no memory for the runtime: ${messageOf(cause)}`, { cause });
    throw new DunlinError("fetch", `the module isn't the one of this version of the package: ${messageOf(cause)}`, { cause });
  }
}

function isFolder(source: ModuleSource | undefined): source is string | URL {
  return source !== undefined && isAddress(source) && String(source).endsWith("/");
}

function isAddress(source: ModuleSource): source is string | URL {
  return typeof source === "string" || source instanceof URL;
}

async function compileFrom(source: Response | ArrayBuffer | ArrayBufferView): Promise<WebAssembly.Module> {
  return source instanceof Response ? compile(source, source.url) : compileBytes(source as BufferSource, "what was given");
}

/** Compiled once; a failure isn't kept. */
function moduleAt(address: string): Promise<WebAssembly.Module> {
  let module = modules.get(address);
  if (!module) {
    module = open(address, undefined).then((response) => compile(response, address));
    modules.set(address, module);
    module.catch(() => modules.delete(address));
  }
  return module;
}

/** Compiles while the module arrives, where the server calls it by its type. */
async function compile(response: Response, what: string): Promise<WebAssembly.Module> {
  const type = response.headers.get("content-type");
  if (response.ok && type === "application/wasm" && "compileStreaming" in WebAssembly) {
    try {
      return await WebAssembly.compileStreaming(response);
    } catch (cause) {
      throw unusable(what, cause);
    }
  }
  const { pieces } = await body(response, {});
  return compileBytes(await new Blob(pieces as BlobPart[]).arrayBuffer(), type ? `${what} (${type})` : what);
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
export function isExhausted({ memory }: Pick<Instance, "memory">): boolean {
  try {
    memory.grow(16);
    return false;
  } catch {
    return true;
  }
}
