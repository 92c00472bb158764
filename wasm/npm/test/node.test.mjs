import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import * as dunlin from "../dist/index.js";
import { pagesOf, withPages, withTrap } from "./module.mjs";
import { moduleFile, PACKAGE, read, ROOT, vectors } from "./place.mjs";
import { differences } from "./vectors.mjs";

const { Classifier, DunlinError } = dunlin;
const MODEL = `${ROOT}models/cifar10/cifar10.dunlin`;
const TEXT = `${ROOT}mobile/conformance/text.dunlin`;
const MINIMAL = read("docs/formats/vectors/good_minimal.dunlin");
const grey = { data: new Uint8Array(32 * 32).fill(128), width: 32, height: 32, format: "gray8" };

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc");

const code = async (promise) => promise.then(() => "none", (error) => (error instanceof DunlinError ? error.code : `${error}`));
const vectorsWith = (options) => differences(dunlin, vectors, read, (path) => ROOT + path, options);

test("error codes are those of every language", () => {
  const [, type] = /DunlinErrorCode =([^;]*);/.exec(readFileSync(`${PACKAGE}dist/error.d.ts`, "utf8"));
  assert.deepEqual(Array.from(type.matchAll(/"(\w+)"/g), (match) => match[1]), vectors.codes);
});

test("names of decisions are those of every language", () => {
  const types = readFileSync(`${PACKAGE}dist/decision.d.ts`, "utf8");
  for (const [type, names] of [["Outcome", vectors.outcomes], ["Reason", vectors.reasons], ["Rule", vectors.rules]]) {
    const [, union] = new RegExp(`type ${type} =([^;]*);`).exec(types);
    assert.deepEqual(Array.from(union.matchAll(/"(\w+)"/g), (match) => match[1]), names);
  }
});

test("vectors with the module that the package chooses", async () => assert.deepEqual(await vectorsWith({}), []));

for (const [build, kernels] of [["baseline", "reference"], ["simd", "wasm_simd128"]]) {
  test(`vectors with the ${build} module`, async () => {
    const wasm = await WebAssembly.compile(readFileSync(moduleFile(build)));
    const classifier = await Classifier.load(MODEL, { wasm });
    assert.equal(classifier.kernelSet, kernels);
    assert.deepEqual(await vectorsWith({ wasm }), []);
  });
}

test("relaxed vectors are refused where they are missing", { skip: WebAssembly.validate(readFileSync(moduleFile("relaxed"))) }, async () => {
  assert.equal(await code(Classifier.load(MODEL, { wasm: moduleFile("relaxed") })), "fetch");
  assert.equal((await Classifier.load(MODEL)).kernelSet, "wasm_simd128");
});

test("relaxed vectors are refused where they are wrong", { skip: process.versions.v8.split(".")[0] !== "11" }, () => {
  // The probe sees it before the module is asked for, which is missing here; and the module's own trial of its kernels sees it.
  const folder = mkdtempSync(join(tmpdir(), "dunlin-"));
  copyFileSync(moduleFile("simd"), `${folder}/dunlin_simd.wasm`);
  const script = `
    const { Classifier } = await import("${PACKAGE}dist/index.js");
    const load = async (options) => (await Classifier.load("${MODEL}", options)).kernelSet;
    console.log(await load({ wasm: "${folder}/" }), await load({ wasm: "${moduleFile("relaxed")}" }));`;
  const words = ["--experimental-wasm-relaxed-simd", "--input-type=module", "--eval", script];
  const said = execFileSync(process.execPath, words, { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  assert.equal(said.trim(), "wasm_simd128 reference");
});

test("an artifact comes from a path, an address, a response, a blob, or bytes", async () => {
  const bytes = read("models/cifar10/cifar10.dunlin");
  const padded = new Uint8Array(bytes.length + 2);
  padded.set(bytes, 1);
  const sources = [MODEL, new URL(`file://${MODEL}`), `file://${MODEL}`, new Response(bytes), Promise.resolve(new Response(bytes)), new Blob([bytes])];
  sources.push(bytes, bytes.buffer, Buffer.from(bytes), padded.subarray(1, -1), new DataView(padded.buffer, 1, bytes.length));
  const expected = (await (await Classifier.load(MODEL)).classify(grey)).probabilities;
  for (const source of sources) {
    const classifier = await Classifier.load(source);
    assert.deepEqual((await classifier.classify(grey)).probabilities, expected);
    classifier.dispose();
  }
});

test("progress ends with all bytes", async () => {
  const bytes = read("models/cifar10/cifar10.dunlin");
  const pieces = [bytes.subarray(0, 1000), bytes.subarray(1000)];
  const stream = () => new ReadableStream({ pull: (control) => (pieces.length > 0 ? control.enqueue(pieces.shift()) : control.close()) });
  const seen = [];
  const headers = { "content-length": String(bytes.length) };
  await Classifier.load(new Response(stream(), { headers }), { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(seen, [{ loaded: 1000, total: bytes.length }, { loaded: bytes.length, total: bytes.length }]);
});

test("the total of compressed bytes isn't told", async () => {
  const headers = { "content-length": "7", "content-encoding": "gzip" };
  const seen = [];
  await Classifier.load(new Response(MINIMAL, { headers }), { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(seen, [{ loaded: MINIMAL.length }]);
});

test("what can't be read is named", async () => {
  const failures = [
    [() => Classifier.load("nowhere.dunlin"), /^nowhere\.dunlin can't be read: ENOENT/],
    [() => Classifier.load(new Response("", { status: 404, statusText: "Not Found" })), /^the response can't be read: HTTP 404 Not Found$/],
    [() => Classifier.load(new Response(new ReadableStream({ start: (control) => control.error(new Error("cut")) }))), /broke off after 0 bytes: cut/],
    [() => Classifier.load(MODEL, { wasm: "nowhere.wasm" }), /^nowhere\.wasm can't be read/],
    [() => Classifier.load(MODEL, { wasm: new Response("<html>", { headers: { "content-type": "text/html" } }) }), /text\/html.*option `wasm`/],
    [() => Classifier.load(MODEL, { wasm: Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0) }), /isn't the one of this version/],
  ];
  for (const [load, message] of failures) await assert.rejects(load(), (error) => error.code === "fetch" && message.test(error.message));
});

test("a module that couldn't be read is read again", async () => {
  const original = globalThis.fetch;
  const answers = [new Response("", { status: 503 }), new Response(readFileSync(moduleFile("simd")), { headers: { "content-type": "application/wasm" } })];
  globalThis.fetch = async () => answers.shift();
  try {
    const options = { wasm: "https://example.org/dunlin_simd.wasm" };
    assert.equal(await code(Classifier.load(MINIMAL, options)), "fetch");
    assert.equal(await code(Classifier.load(MINIMAL, options)), "none");
    assert.equal(await code(Classifier.load(MINIMAL, options)), "none", "compiled once");
  } finally {
    globalThis.fetch = original;
  }
});

test("a call is aborted with the signal's reason", async () => {
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  await assert.rejects(Classifier.load(MODEL, { signal: aborted }), reason);
  const control = new AbortController();
  const never = new Response(new ReadableStream({ start: (stream) => stream.enqueue(new Uint8Array(3)) }));
  const load = Classifier.load(never, { signal: control.signal, onProgress: () => control.abort(reason) });
  await assert.rejects(load, reason);
  const waiting = new AbortController();
  queueMicrotask(() => waiting.abort());
  await assert.rejects(Classifier.load(new Promise(() => undefined), { signal: waiting.signal }), { name: "AbortError" });
  const classifier = await Classifier.load(MODEL, { signal: new AbortController().signal });
  await assert.rejects(classifier.classify(grey, { signal: aborted }), reason);
  assert.equal((await classifier.classify(grey)).classes.length, 5);
});

test("what isn't an input is an error with a code", async () => {
  const classifier = await Classifier.load(MODEL);
  const cases = [
    ["text", "input"],
    [null, "picture"],
    [undefined, "picture"],
    [7, "picture"],
    [{}, "picture"],
    [new Blob([]), "picture"],
    [{ ...grey, data: [1, 2, 3] }, "picture"],
    [{ ...grey, format: "cmyk" }, "picture"],
    [{ ...grey, format: "toString" }, "picture"],
    [{ ...grey, width: NaN }, "picture"],
    [{ ...grey, width: -32 }, "picture"],
    [{ ...grey, width: 32.5 }, "picture"],
    [{ ...grey, width: 2 ** 32 + 32 }, "picture"],
    [{ ...grey, width: "32" }, "picture"],
  ];
  for (const [input, expected] of cases) assert.equal(await code(classifier.classify(input)), expected, String(input));
  for (const topK of [-1, 1.5, NaN, "3"]) assert.equal(await code(classifier.classify(grey, { topK })), "input");
  for (const memoryLimit of [-1, 0.5, NaN]) assert.equal(await code(Classifier.load(MODEL, { memoryLimit })), "input");
  for (const topK of [99, 2 ** 32]) assert.equal((await classifier.classify(grey, { topK })).classes.length, 10);
  assert.deepEqual((await classifier.classify(grey, { topK: 0 })).classes, []);
});

test("disposing lets calls under way finish, and ends later ones", async () => {
  const classifier = await Classifier.load(MODEL);
  const underWay = classifier.classify(grey);
  classifier.dispose();
  classifier.dispose();
  assert.equal((await underWay).classes.length, 5);
  assert.equal(await code(classifier.classify(grey)), "disposed");
  for (const call of [() => classifier.explain(), () => classifier.labels()]) assert.throws(call, { code: "disposed" });
  const other = await Classifier.load(MODEL);
  other[Symbol.dispose]();
  assert.equal(await code(other.classify(grey)), "disposed");
});

test("many calls at once give each its own answer", async () => {
  const classifier = await Classifier.load(MODEL);
  const shades = Array.from({ length: 50 }, (_, i) => ({ ...grey, data: new Uint8Array(32 * 32).fill(5 * i) }));
  const alone = [];
  for (const shade of shades) alone.push(await classifier.classify(shade));
  assert.deepEqual(await Promise.all(shades.map((shade) => classifier.classify(shade))), alone);
});

test("a trap ends its classifier and no other", async () => {
  const wasm = await WebAssembly.compile(withTrap(readFileSync(moduleFile("simd")), "classifier_classifyValues"));
  const [first, second] = [await Classifier.load(MINIMAL, { wasm }), await Classifier.load(MINIMAL, { wasm })];
  const values = new Float32Array(8);
  const end = await first.classify(values).catch((error) => error);
  assert.equal(end.code, "internal");
  assert.ok(end.cause instanceof WebAssembly.RuntimeError);
  await assert.rejects(first.classify(values), (error) => error === end, "it stays so");
  assert.throws(() => first.explain(), (error) => error === end);
  assert.equal(second.explain().length > 0, true);
  first.dispose();
  assert.equal(await code(Classifier.load(MINIMAL, { wasm })), "none");
});

test("the module for text is loaded for models of text only, and a trap in it ends its classifier", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-"));
  const wasm = `${folder}/`;
  for (const build of ["baseline", "simd", "relaxed"]) copyFileSync(moduleFile(build), `${folder}/dunlin_${build}.wasm`);
  assert.equal(await code(Classifier.load(MODEL, { wasm })), "none");
  assert.equal(await code(Classifier.load(TEXT, { wasm })), "fetch");
  writeFileSync(`${folder}/dunlin_text.wasm`, withTrap(readFileSync(moduleFile("text")), "textpreparer_prepare"));
  const classifier = await Classifier.load(TEXT, { wasm });
  const end = await classifier.classify("noon").catch((error) => error);
  assert.equal(end.code, "internal");
  await assert.rejects(classifier.classify("noon"), (error) => error === end, "it stays so");
  rmSync(folder, { recursive: true });
});

test("texts of any length are classified, as what is read of them", async () => {
  const classifier = await Classifier.load(TEXT);
  const [long, longer] = ["noon ".repeat(20_000), "noon ".repeat(10_000_000)];
  assert.deepEqual((await classifier.classify(longer)).logits, (await classifier.classify(long)).logits);
});

test("memory that the host hasn't is an error, wherever it ends", async () => {
  const module = readFileSync(moduleFile("simd"));
  const first = pagesOf(module);
  const outcomes = new Set();
  for (let pages = first; pages < first + 16; pages++) {
    const wasm = await WebAssembly.compile(withPages(module, pages));
    const run = async () => {
      const classifier = await Classifier.load(MODEL, { wasm });
      await classifier.classify({ data: new Uint8Array(200 * 200 * 4), width: 200, height: 200 });
    };
    outcomes.add(await code(run()));
  }
  assert.deepEqual([...outcomes], ["memory", "none"]);
});

test("an artifact that no memory has room for is an error", async () => {
  const [piece, pieces] = [new Uint8Array(2 ** 26), 65];
  let left = pieces;
  const stream = new ReadableStream({ pull: (control) => (left-- > 0 ? control.enqueue(piece) : control.close()) });
  assert.equal(await code(Classifier.load(new Response(stream))), "memory");
});

test("ten thousand classifiers leave nothing behind", async () => {
  let held;
  for (let round = 0; round <= 10_000; round++) {
    const classifier = await Classifier.load(MINIMAL);
    await classifier.classify(new Float32Array(8));
    classifier.dispose();
    if (round !== 100 && round !== 10_000) continue;
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 50));
    collectGarbage();
    const { external, heapUsed } = process.memoryUsage();
    held ??= external + heapUsed;
    assert.ok(external + heapUsed < held + 2_000_000, `${external + heapUsed} bytes, ${held} after a hundred`);
  }
});

test("an instance keeps its size over thousands of calls", async () => {
  const { instantiate } = WebAssembly;
  let memory;
  WebAssembly.instantiate = async (...words) => {
    const instance = await instantiate(...words);
    memory = instance.exports.memory;
    return instance;
  };
  const classifier = await Classifier.load(MODEL).finally(() => (WebAssembly.instantiate = instantiate));
  await classifier.classify(grey);
  const size = memory.buffer.byteLength;
  for (let round = 0; round < 3000; round++) {
    await classifier.classify(grey, { locale: `x${round % 3}` });
    if (round % 1000 === 0) classifier.explain();
  }
  assert.equal(memory.buffer.byteLength, size);
});
