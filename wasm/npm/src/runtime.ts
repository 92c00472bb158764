// The module, compiled once, and an instance of it for each classifier.

import { bestBuild, type Build, refuseRelaxed } from "./builds.js";
import { DunlinError } from "./error.js";
import { type Instance, instantiate } from "./glue.js";
import { body, messageOf, type ModuleSource, open } from "./source.js";

/** Addresses that bundlers find, each of which they copy beside the script. */
const ADDRESS: Record<Build, () => URL> = {
  baseline: () => new URL("./dunlin_baseline.wasm", import.meta.url),
  simd: () => new URL("./dunlin_simd.wasm", import.meta.url),
  relaxed: () => new URL("./dunlin_relaxed.wasm", import.meta.url),
};

const modules = new Map<string, Promise<WebAssembly.Module>>();

/** An instance of its own, of the module that fits this host unless another is given. */
export async function newInstance(source: ModuleSource | undefined): Promise<Instance> {
  if (source === undefined || (isAddress(source) && String(source).endsWith("/"))) return bestInstance(source);
  if (source instanceof WebAssembly.Module) return instanceOf(source);
  return instanceOf(await (isAddress(source) ? moduleAt(String(source)) : compileFrom(source)));
}

/** Of the fastest module whose kernels compute rightly here. */
async function bestInstance(folder: string | URL | undefined): Promise<Instance> {
  const build = bestBuild();
  const address = folder === undefined ? ADDRESS[build]().href : `${folder}dunlin_${build}.wasm`;
  const instance = await instanceOf(await moduleAt(address));
  if (build !== "relaxed" || instance.kernelSet() === "wasm_relaxed_simd") return instance;
  refuseRelaxed();
  return bestInstance(folder);
}

async function instanceOf(module: WebAssembly.Module): Promise<Instance> {
  try {
    return await instantiate(module);
  } catch (cause) {
    // The host throws a RangeError when it has no memory left, and others when the module is another than the script is for.
    if (cause instanceof RangeError) throw new DunlinError("memory", `the host has no memory for the runtime: ${messageOf(cause)}`, { cause });
    throw new DunlinError("fetch", `the module isn't the one of this version of the package: ${messageOf(cause)}`, { cause });
  }
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
export function isExhausted(instance: Instance): boolean {
  try {
    instance.memory.grow(16);
    return false;
  } catch {
    return true;
  }
}
