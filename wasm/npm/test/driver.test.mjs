// The browser's driver, in Chromium: the cases that every driver is held to, and stores that stop anywhere.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { launch } from "./browser.mjs";
import { ROOT } from "./place.mjs";
import { serve } from "./server.mjs";

let [browser, server, page] = [];

before(async () => {
  const html = (request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>Dunlin</title>");
  server = await serve(ROOT, { "/": html });
  browser = await launch();
  page = await browser.newPage();
  await page.goto(server.origin);
});

after(async () => {
  await browser?.close();
  server?.close();
});

const listed = readFileSync(`${ROOT}docs/formats/driver.md`, "utf8").match(/(?<=^\| `)\w+/gm);

test("the cases are those of docs/formats/driver.md", async () => {
  const names = await page.evaluate(async () => Object.keys((await import("/wasm/npm/test/cases.mjs")).CASES));
  assert.deepEqual(names, listed);
});

for (const name of listed) {
  for (const ground of ["durable", "small", "memory"]) {
    test(`${name}, ${ground}`, () =>
      page.evaluate(async ([name, ground]) => {
        const { CASES, ...grounds } = await import("/wasm/npm/test/cases.mjs");
        await CASES[name](grounds[ground](`${ground}-${name}`), `${ground}-${name}`);
      }, [name, ground]));
  }
}

test("stopped at any operation the device answers and goes on", async () => {
  const operations = await page.evaluate(async () => (await import("/wasm/npm/test/stops.mjs")).device());
  assert.ok(operations > 25, `${operations} operations`);
});

test("a store that stopped anywhere has what was acknowledged, and no half of anything", async () => {
  const operations = await page.evaluate(async () => (await import("/wasm/npm/test/stops.mjs")).store("stops"));
  assert.ok(operations > 7, `${operations} operations`);
});

test("models that ship here, and those of the vectors, compute their golden outputs; changed ones don't", async () => {
  const vectors = readdirSync(`${ROOT}docs/formats/vectors`).filter((name) => name.startsWith("good_") && name !== "good_minimal.dunlin");
  const models = ["cifar10", "language_id", "sms_spam"].map((name) => `models/${name}/${name}.dunlin`).concat(vectors.map((name) => `docs/formats/vectors/${name}`));
  const found = await page.evaluate(async (models) => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const { examine, newSync } = await import("/wasm/npm/dist/internals.js");
    const sync = await newSync(undefined);
    const found = {};
    for (const path of models) {
      const bytes = new Uint8Array(await (await fetch(`/${path}`)).arrayBuffer());
      const classifier = await Classifier.load(bytes);
      const view = new DataView(bytes.buffer);
      const records = Array.from({ length: view.getUint32(12, true) }, (_, index) => 64 * (1 + index));
      const section = (...kinds) => Number(view.getBigUint64(records.find((at) => kinds.includes(view.getUint32(at, true))) + 8, true));
      // No digest of weights is looked at when a model is loaded. A golden output: its digest's 12th byte, or an element's exponent.
      const changed = async (at) => {
        bytes[at] ^= 64;
        const fault = await examine(sync, classifier, bytes);
        bytes[at] ^= 64;
        return fault;
      };
      // More golden inputs than there are bytes, which no reader may trust.
      const count = section(8, 0x80000010);
      view.setUint32(count, view.getUint32(count, true) + 0xfffffff0, true);
      const endless = await examine(sync, classifier, bytes).catch((error) => error.name);
      view.setUint32(count, view.getUint32(count, true) + 16, true);
      found[path] = [endless, typeof (await examine(sync, classifier, bytes)), await changed(section(2)), await changed(section(8, 0x80000010) + 27)];
    }
    return found;
  }, models);
  for (const path of models) assert.deepEqual(found[path], ["RangeError", "number", "load", "golden"], path);
});

test("the newest artifacts that it says it reads are those that are written", async () => {
  const said = await page.evaluate(async () => (await import("/wasm/npm/dist/internals.js")).ARTIFACT);
  assert.equal(said, readFileSync(`${ROOT}models/cifar10/cifar10.dunlin`).readUInt32LE(8));
});

test("a request takes what it may and no more, and tells nothing but itself", async () => {
  const asked = [];
  const hostile = createServer((request, response) => {
    asked.push(request.headers);
    response.setHeader("access-control-allow-origin", "*");
    const pages = {
      "/exact": () => response.end("x".repeat(10)),
      "/long": () => response.end("x".repeat(11)),
      "/endless": () => {
        const more = () => response.write("x".repeat(65_536), (error) => error ?? setImmediate(more));
        more();
      },
      "/broken": () => (response.setHeader("content-length", "10"), response.write("x", () => response.destroy())),
      "/silent": () => undefined,
      "/status": () => response.writeHead(503, { "retry-after": "7", "access-control-expose-headers": "retry-after" }).end("later"),
    };
    pages[request.url]();
  });
  await new Promise((resolve) => hostile.listen(0, "localhost", resolve));
  // Of another origin, so from a page that may ask one.
  const origin = `http://localhost:${hostile.address().port}`;
  const open = await serve(ROOT, { "/": (request, response) => response.removeHeader("content-security-policy") ?? response.setHeader("content-type", "text/html").end("") });
  const other = await browser.newPage();
  await other.goto(open.origin);
  const found = await other.evaluate(async (origin) => {
    const { send } = await import("/wasm/npm/dist/internals.js");
    const request = { id: 1, method: "GET", headers: {}, body: new Uint8Array(), maxBytes: 10, timeout: 60_000 };
    const outcome = async (url, more = {}) => {
      const said = await send({ ...request, url, ...more });
      return typeof said === "string" ? said : [said.status, said.body.length, said.headers.includes("retry-after")];
    };
    const found = {};
    for (const path of ["exact", "long", "endless", "broken", "status"]) found[path] = await outcome(`${origin}/${path}`);
    found.silent = await outcome(`${origin}/silent`, { timeout: 50 });
    found.closed = await outcome("http://localhost:1/");
    found.nonsense = await outcome("http://");
    return found;
  }, origin);
  assert.deepEqual(found, {
    exact: [200, 10, false],
    long: "too_long",
    endless: "too_long",
    broken: "broken",
    status: [503, 5, true],
    silent: "timeout",
    closed: "connect",
    nonsense: "connect",
  });
  for (const { cookie, referer } of asked) assert.deepEqual([cookie, referer], [undefined, undefined]);
  await other.close();
  hostile.closeAllConnections();
  hostile.close();
  open.close();
});
