import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";

import { launch } from "./browser.mjs";
import { moduleFile, ROOT, vectors } from "./place.mjs";
import { serve } from "./server.mjs";

const expectedOf = (name) => vectors.cases.find((test) => test.name === name).expected.probabilities;

let [browser, server, page] = [];
const asked = [];

before(async () => {
  const html = (request, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>Dunlin</title>");
  const module = (build) => (request, response) => {
    asked.push(request.url);
    response.setHeader("content-type", "application/wasm").end(readFileSync(moduleFile(build)));
  };
  server = await serve(ROOT, {
    "/": html,
    "/endless": (request, response) => response.write("DUNLIN"),
    "/broken": (request, response) => response.setHeader("content-length", "99").write("DUNLIN", () => response.destroy()),
    // A site that answers everything with its page, as those of one page do.
    "/single/dunlin_simd.wasm": html,
    "/single/dunlin_relaxed.wasm": html,
    // Where the module with relaxed dot products turns out to have no kernels with them.
    "/without/dunlin_relaxed.wasm": module("baseline"),
    "/without/dunlin_simd.wasm": module("simd"),
  });
  browser = await launch();
  page = await browser.newPage();
  await page.goto(server.origin);
});

after(async () => {
  await browser?.close();
  server?.close();
});

// Vectors have an artifact that isn't there; Chromium says so in the console, which isn't looked at.
const KERNELS = { baseline: /^reference$/, simd: /^wasm_simd128$/, relaxed: /^(wasm_relaxed_simd|reference)$/, "": /^wasm_(simd128|relaxed_simd)$/ };

for (const [build, kernels] of Object.entries(KERNELS)) {
  const name = build || "chosen";
  const passes = ({ kernelSet, found, isolated }) => {
    assert.deepEqual(found, []);
    assert.match(kernelSet, kernels);
    assert.equal(isolated, false, "the page needs no isolation");
  };
  test(`vectors in a page with the ${name} module`, async () => {
    passes(await page.evaluate(async (build) => (await import("/wasm/npm/test/inside.mjs")).check(build), build));
  });
  test(`vectors in a worker with the ${name} module`, async () => {
    passes(await page.evaluate(async (build) => {
      const worker = new Worker("/wasm/npm/test/worker.mjs", { type: "module" });
      const { port1, port2 } = new MessageChannel();
      worker.postMessage(build, [port2]);
      const { data } = await new Promise((resolve) => (port1.onmessage = resolve));
      worker.terminate();
      return data;
    }, build));
  });
  test(`vectors in a service worker with the ${name} module`, async () => {
    passes(await page.evaluate(async (build) => {
      const { installing, waiting, active } = await navigator.serviceWorker.register("/wasm/npm/test/worker.mjs", { type: "module" });
      const { port1, port2 } = new MessageChannel();
      (installing ?? waiting ?? active).postMessage(build, [port2]);
      return (await new Promise((resolve) => (port1.onmessage = resolve))).data;
    }, build));
  });
}

test("a picture has the same pixels whatever shows it", async () => {
  const found = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const { hexOf } = await import("/wasm/npm/test/vectors.mjs");
    const classifier = await Classifier.load("/models/cifar10/cifar10.dunlin");
    const blob = await (await fetch("/models/pictures/chelsea.png")).blob();
    const image = new Image();
    image.src = "/models/pictures/chelsea.png";
    const bitmap = await createImageBitmap(blob);
    const canvas = Object.assign(document.createElement("canvas"), { width: bitmap.width, height: bitmap.height });
    const context = canvas.getContext("2d");
    context.drawImage(bitmap, 0, 0);
    const offscreen = new OffscreenCanvas(bitmap.width, bitmap.height);
    offscreen.getContext("2d").drawImage(bitmap, 0, 0);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const pixels = context.getImageData(0, 0, bitmap.width, bitmap.height);
    const { data, width, height } = pixels;
    const pictures = { blob, image, bitmap, canvas, offscreen, frame, pixels, plain: { data, width, height }, bytes: { data: new Uint8Array(data.buffer), width, height } };
    const answers = {};
    for (const [name, picture] of Object.entries(pictures)) answers[name] = hexOf((await classifier.classify(picture)).probabilities);
    return answers;
  });
  for (const [name, probabilities] of Object.entries(found)) assert.equal(probabilities, expectedOf("chelsea_rgba8"), name);
  assert.equal(Object.keys(found).length, 9);
});

test("what can't be decoded is an error with a code", async () => {
  const found = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const classifier = await Classifier.load("/models/cifar10/cifar10.dunlin");
    const missing = new Image();
    missing.src = "/nowhere.png";
    const closed = await createImageBitmap(new ImageData(1, 1));
    closed.close();
    const pictures = { text: new Blob(["no picture"]), empty: new Blob([]), missing, closed, nothing: document.createElement("canvas"), video: document.createElement("video"), element: document.body };
    pictures.nothing.width = 0;
    const codes = {};
    for (const [name, picture] of Object.entries(pictures)) codes[name] = await classifier.classify(picture).then(() => "none", (error) => error.code);
    return codes;
  });
  for (const [name, code] of Object.entries(found)) assert.equal(code, "picture", name);
});

test("a photograph is upright, and its colours are those of the file", async () => {
  const found = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const { hexOf } = await import("/wasm/npm/test/vectors.mjs");
    const classifier = await Classifier.load("/models/cifar10/cifar10.dunlin");
    const png = await (await fetch("/models/pictures/horse.png")).blob();
    const bitmap = await createImageBitmap(png);
    const drawn = (width, height, turn) => {
      const context = new OffscreenCanvas(width, height).getContext("2d");
      if (turn) context.transform(0, 1, -1, 0, width, 0);
      return context;
    };
    // As a camera held upright writes it: the scene lies on its side, and a note says to turn it.
    const lying = drawn(bitmap.width, bitmap.height);
    lying.drawImage(bitmap, 0, 0);
    const jpeg = new Uint8Array(await (await lying.canvas.convertToBlob({ type: "image/jpeg", quality: 1 })).arrayBuffer());
    const note = [0xff, 0xe1, 0, 34, 69, 120, 105, 102, 0, 0, 77, 77, 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const photograph = new Blob([jpeg.subarray(0, 2), Uint8Array.from(note), jpeg.subarray(2)], { type: "image/jpeg" });
    const plain = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }));
    const upright = drawn(plain.height, plain.width, true);
    upright.drawImage(plain, 0, 0);
    // The same pixels with a note that they are linear light.
    const bytes = new Uint8Array(await png.arrayBuffer());
    const gamma = Uint8Array.of(0, 0, 0, 4, 0x67, 0x41, 0x4d, 0x41, 0, 1, 0x86, 0xa0, 0x31, 0xe8, 0x96, 0x5f);
    const linear = new Blob([bytes.subarray(0, 33), gamma, bytes.subarray(33)], { type: "image/png" });
    const said = async (picture) => hexOf((await classifier.classify(picture)).probabilities);
    const turned = await createImageBitmap(photograph);
    return {
      sides: [turned.width, turned.height, bitmap.height, bitmap.width],
      photograph: await said(photograph),
      upright: await said(upright.getImageData(0, 0, plain.height, plain.width)),
      lying: await said(new Blob([jpeg], { type: "image/jpeg" })),
      linear: await said(linear),
      converted: await said(await createImageBitmap(linear)),
    };
  });
  assert.deepEqual(found.sides.slice(0, 2), found.sides.slice(2), "the note is understood");
  assert.equal(found.photograph, found.upright);
  assert.notEqual(found.photograph, found.lying);
  assert.equal(found.linear, expectedOf("horse_rgba8"));
  assert.notEqual(found.converted, found.linear, "the note is understood");
});

test("colours beside alpha are those of the file", async () => {
  const found = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const { hexOf } = await import("/wasm/npm/test/vectors.mjs");
    const classifier = await Classifier.load("/models/cifar10/cifar10.dunlin");
    const pixels = new Uint8ClampedArray(64 * 64 * 4).map((_, i) => (i % 4 === 3 ? (i * 7) % 256 : (i * i) % 251));
    const said = async (picture) => hexOf((await classifier.classify(picture)).probabilities);
    return [await said(await pngOf(pixels, 64, 64)), await said({ data: pixels, width: 64, height: 64 })];

    async function pngOf(data, width, height) {
      const rows = new Uint8Array(height * (4 * width + 1));
      for (let y = 0; y < height; y++) rows.set(data.subarray(4 * width * y, 4 * width * (y + 1)), y * (4 * width + 1) + 1);
      const packed = new Response(new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate")));
      const header = Uint8Array.of(0, 0, 0, width, 0, 0, 0, height, 8, 6, 0, 0, 0);
      const parts = [chunk("IHDR", header), chunk("IDAT", new Uint8Array(await packed.arrayBuffer())), chunk("IEND", new Uint8Array())];
      return new Blob([Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10), ...parts], { type: "image/png" });
    }
    function chunk(name, data) {
      const bytes = new Uint8Array(12 + data.length);
      const view = new DataView(bytes.buffer);
      view.setUint32(0, data.length);
      bytes.set(new TextEncoder().encode(name), 4);
      bytes.set(data, 8);
      let crc = -1;
      for (const byte of bytes.subarray(4, -4)) {
        crc ^= byte;
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
      }
      view.setInt32(8 + data.length, ~crc);
      return bytes;
    }
  });
  assert.equal(found[0], found[1]);
});

test("transfers end as their addresses do", async () => {
  const found = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const outcome = (load) => load.then(() => "none", (error) => `${error.name === "DunlinError" ? error.code : error.name}: ${error.message}`);
    const control = new AbortController();
    const endless = Classifier.load("/endless", { signal: control.signal, onProgress: () => control.abort() });
    const model = "/models/cifar10/cifar10.dunlin";
    return {
      endless: await outcome(endless),
      broken: await outcome(Classifier.load("/broken")),
      missing: await outcome(Classifier.load("/nowhere.dunlin")),
      refused: await outcome(Classifier.load("http://localhost:1/model.dunlin")),
      page: await outcome(Classifier.load("/")),
      single: await outcome(Classifier.load(model, { wasm: "/single/" })),
    };
  });
  assert.match(found.endless, /^AbortError: /);
  assert.match(found.broken, /^fetch: .*\/broken broke off/);
  assert.match(found.missing, /^fetch: .*\/nowhere\.dunlin can't be read: HTTP 404/);
  assert.match(found.refused, /^fetch: http:\/\/localhost:1\/model\.dunlin can't be read/);
  assert.match(found.page, /^artifact: /);
  assert.match(found.single, /^fetch: .*text\/html/);
});

test("a module without the kernels that it was chosen for gives way", async () => {
  const fresh = await browser.newPage();
  await fresh.goto(server.origin);
  const kernels = await fresh.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const load = async () => (await Classifier.load("/models/cifar10/cifar10.dunlin", { wasm: "/without/" })).kernelSet;
    return [await load(), await load()];
  });
  await fresh.close();
  assert.deepEqual(kernels, ["wasm_simd128", "wasm_simd128"]);
  assert.equal(asked.filter((url) => url.includes("simd")).length, 1, "each module is asked for once");
});

test("ten thousand classifiers leave nothing behind", async () => {
  const rounds = await page.evaluate(async () => {
    const { Classifier } = await import("/wasm/npm/dist/index.js");
    const bytes = await (await fetch("/docs/formats/vectors/good_minimal.dunlin")).arrayBuffer();
    let round = 0;
    // Each has a memory of its own, of which a browser has room for a few hundred.
    for (; round < 10_000; round++) {
      const classifier = await Classifier.load(bytes);
      await classifier.classify(new Float32Array(8));
      classifier.dispose();
    }
    return round;
  });
  assert.equal(rounds, 10_000);
});
