// What tests run inside of a page, a worker and a service worker.
import * as dunlin from "../dist/index.js";
import { differences } from "./vectors.mjs";

const root = new URL("../../../", import.meta.url);

async function read(path) {
  const response = await fetch(new URL(path, root));
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** What differs from the vectors with a module of the package, or else with the one that it chooses; and the kernels that it has. */
export async function check(build) {
  const vectors = await (await fetch(new URL("mobile/conformance/vectors.json", root))).json();
  const options = build ? { wasm: new URL(`../dist/dunlin_${build}.wasm`, import.meta.url) } : {};
  const { kernelSet } = await dunlin.Classifier.load(new URL(vectors.cases[0].model, root), options);
  const found = await differences(dunlin, vectors, read, (path) => new URL(path, root).href, options);
  return { kernelSet, found, isolated: globalThis.crossOriginIsolated };
}

/** Answers a message, which names the module. */
export async function answer({ data, ports }) {
  const said = await check(data).catch((error) => ({ found: [`${error.stack}`] }));
  ports[0].postMessage(said);
}
