// A client in Chromium, with a repository that the command makes: updates from end to end.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test as named } from "node:test";

import { edited, SECTION } from "./artifact.mjs";
import { launch } from "./browser.mjs";
import { withLoop, withTrap } from "./module.mjs";
import { moduleFile, read, ROOT } from "./place.mjs";
import { Publisher } from "./repository.mjs";
import { serve } from "./server.mjs";

const MODEL = "/models/cifar10/cifar10.dunlin";
const shipped = read(MODEL.slice(1));
const word = (text) => edited(shipped, SECTION.card, () => Buffer.from(JSON.stringify({ name: text })));
const wrong = () => edited(shipped, SECTION.golden, (bytes) => bytes.fill(7, 12, 44));
// A layer with other weights, which nothing vouches for: it finds other classes.
const isChanged = (place) => place > 0.2 && place < 0.225;
const other = () => edited(edited(shipped, SECTION.golden, () => undefined), SECTION.weights, (bytes) => bytes.map((byte, at) => (isChanged(at / bytes.length) ? byte ^ 0x55 : byte)));

// What waits for something that never happens.
const test = (name, run) => named(name, { timeout: 120_000 }, run);

let [browser, server] = [];
const asked = [];

before(async () => {
  const html = (request, response) => response.setHeader("content-type", "text/html").setHeader("set-cookie", "who=me").end("<!doctype html><title>Dunlin</title>");
  const note = (request) => asked.push({ path: new URL(request.url, "http://host").pathname, headers: request.headers });
  const module = (bytes) => (request, response) => response.setHeader("content-type", "application/wasm").end(bytes);
  const pages = { "/": html };
  for (const build of ["baseline", "simd", "relaxed", "sync"]) {
    const bytes = readFileSync(moduleFile(build));
    const path = `dunlin_${build}.wasm`;
    pages[`/engine-traps/${path}`] = module(build === "sync" ? bytes : withTrap(bytes, "classifier_classifyPixels"));
    pages[`/engine-hangs/${path}`] = module(build === "sync" ? bytes : withLoop(bytes, "classifier_run"));
    pages[`/sync-traps/${path}`] = module(build === "sync" ? withTrap(bytes, "client_poll") : bytes);
  }
  server = await serve(ROOT, pages, note);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A page of a profile of its own. */
async function visit(context) {
  const page = await (context ?? (await browser.newContext())).newPage();
  await page.goto(server.origin);
  return page;
}

const optionsFor = (publisher, more = {}) => ({
  model: publisher.model,
  shipped: { source: MODEL, version: 1 },
  repository: publisher.address,
  root: publisher.root,
  ...more,
});

/** Opens a client in a page and leaves it there as `visitor`; says what it is. */
const open = (page, options) =>
  page.evaluate(async (options) => {
    const { open } = await import("/wasm/npm/test/visitor.mjs");
    globalThis.visitor = await open(options);
    const { version, isPersistent, isLeading } = visitor.client;
    return { version, isPersistent, isLeading };
  }, options);

/** Looks for updates and waits for an event; gives all that were told. */
const checked = (page, kind) =>
  page.evaluate(async (kind) => {
    visitor.events.length = 0;
    await visitor.client.check();
    await visitor.event(kind);
    return visitor.events;
  }, kind);

const classified = (page, inputs = 1) =>
  page.evaluate(async (inputs) => {
    const { picture } = await import("/wasm/npm/test/visitor.mjs");
    const answers = [];
    for (let seed = 0; seed < inputs; seed++) answers.push(await visitor.client.classify(picture(seed)));
    return answers.map(({ version, decision }) => ({ version, index: decision.index }));
  }, inputs);

/** Waits until a client has another version; the test's own time is the limit. */
const becomes = (page, version) => page.waitForFunction((version) => visitor.client.version === version, version);

test("from version to version: updates, a bad one, one that is withdrawn, one on trial", async () => {
  const publisher = new Publisher("story", "cifar10");
  publisher.publish(shipped);
  const page = await visit();
  assert.deepEqual(await open(page, optionsFor(publisher)), { version: 1, isPersistent: true, isLeading: true });
  const [{ index }] = await classified(page);

  publisher.publish(word("two"));
  const events = await checked(page, "kept");
  assert.deepEqual(events.map(({ kind }) => kind), ["found", "downloaded", "activated", "kept"]);
  assert.ok(events[1].bytes < shipped.length / 10, `${events[1].bytes} bytes: a patch from what the app ships`);
  assert.deepEqual(await classified(page), [{ version: 2, index }]);

  // What was fetched answers when the page is opened again; what the app ships isn't even loaded.
  await page.reload();
  asked.length = 0;
  assert.equal((await open(page, optionsFor(publisher))).version, 2);
  assert.deepEqual(asked.filter(({ path }) => path === MODEL), []);

  publisher.publish(wrong());
  const [rolled] = (await checked(page, "rolledBack")).filter(({ kind }) => kind === "rolledBack");
  assert.deepEqual(rolled, { kind: "rolledBack", version: 3, to: 2, reason: "golden" });
  assert.deepEqual(await classified(page), [{ version: 2, index }]);
  await page.reload();
  await open(page, optionsFor(publisher));
  await page.evaluate(() => visitor.client.check());
  await page.evaluate(() => visitor.client.check());
  assert.deepEqual(await page.evaluate(() => visitor.events), [], "it isn't taken again");

  const canary = ["--canary", "inputs=4,agreement=0.8,fallback=1,latency=100000"];
  publisher.publish(other(), ...canary);
  await checked(page, "activated");
  await classified(page, 8);
  assert.equal((await page.evaluate(() => visitor.event("rolledBack"))).reason, "agreement");
  assert.equal((await classified(page))[0].version, 2);

  publisher.publish(word("five"), ...canary);
  await checked(page, "activated");
  assert.equal((await classified(page))[0].version, 5);
  // On trial a page may be opened again, and the trial goes on.
  await page.reload();
  await open(page, optionsFor(publisher));
  await becomes(page, 5);
  await classified(page, 4);
  await page.evaluate(() => visitor.event("kept"));

  publisher.rollback(2);
  const [back] = (await checked(page, "rolledBack")).filter(({ kind }) => kind === "rolledBack");
  assert.deepEqual(back, { kind: "rolledBack", version: 5, to: 2, reason: "withdrawn" });
  assert.deepEqual(await classified(page), [{ version: 2, index }]);
  const requests = asked.filter(({ path }) => path.startsWith(publisher.address));
  assert.ok(requests.length > 10);
  for (const { headers } of requests) {
    assert.equal(headers.cookie, undefined);
    assert.equal(headers.referer, undefined);
  }
  await page.context().close();
});

test("of two tabs one leads, the other follows, and leads when the first is gone", async () => {
  const publisher = new Publisher("tabs", "cifar10");
  publisher.publish(shipped);
  const first = await visit();
  const second = await visit(first.context());
  assert.equal((await open(first, optionsFor(publisher))).isLeading, true);
  assert.equal((await open(second, optionsFor(publisher))).isLeading, false);
  publisher.publish(word("two"));
  await checked(first, "kept");
  await becomes(second, 2);
  assert.equal((await classified(second))[0].version, 2);
  assert.deepEqual(await second.evaluate(() => visitor.events), [{ kind: "activated", version: 2 }]);
  await first.close();
  await second.waitForFunction(() => visitor.client.isLeading);
  publisher.publish(word("three"));
  await checked(second, "kept");
  assert.equal((await classified(second))[0].version, 3);
  await second.context().close();
});

// Where a page ends in the middle of an update: at a request, or when something was told.
const ENDS = ["timestamp.json", "snapshot.json", "targets.json", ".dunlin", ".patch", "found", "downloaded", "activated"];

for (const end of ENDS) {
  test(`a page that ends at ${end} goes on when it is opened again`, async () => {
    const publisher = new Publisher(`end-${ENDS.indexOf(end)}`, "cifar10");
    // There is a patch from what was published before, which may be what the app ships.
    publisher.publish(end === ".dunlin" ? word("one") : shipped);
    publisher.publish(word("two"));
    const page = await visit();
    await open(page, optionsFor(publisher));
    if (end.includes(".")) {
      const reached = new Promise((resolve) => page.route(`**/*${end}`, () => resolve(undefined)));
      await page.evaluate(() => visitor.client.check());
      await reached;
    } else {
      await checked(page, end);
    }
    await page.reload();
    // Not before: what was held back would go on.
    await page.unrouteAll();
    const { version } = await open(page, optionsFor(publisher));
    assert.equal((await classified(page))[0].version, version);
    const kinds = await page.evaluate(async () => {
      await visitor.client.check();
      if (visitor.client.version !== 2) await visitor.event("kept");
      return visitor.events.map(({ kind }) => kind);
    });
    assert.equal(kinds.includes("rolledBack"), false);
    assert.equal(await page.evaluate(() => visitor.client.version), 2);
    await page.context().close();
  });
}

test("a page that is reloaded while a model is started blames nobody", async () => {
  const publisher = new Publisher("reloaded", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const context = await browser.newContext();
  // Starting a model takes as long as the page likes.
  await context.addInitScript(() => {
    const digest = SubtleCrypto.prototype.digest;
    SubtleCrypto.prototype.digest = function (...words) {
      return globalThis.holds ? new Promise(() => undefined) : digest.apply(this, words);
    };
  });
  const page = await visit(context);
  await open(page, optionsFor(publisher));
  await page.evaluate(async () => {
    const downloaded = visitor.event("downloaded").then(() => (globalThis.holds = true));
    await visitor.client.check();
    await downloaded;
  });
  for (const holds of [true, true, true, false]) {
    await page.reload();
    await page.evaluate((holds) => (globalThis.holds = holds), holds);
    assert.equal((await open(page, optionsFor(publisher))).version, 1);
    // As long as it takes to begin with the trial.
    if (holds) await page.evaluate(() => visitor.client.classify({ data: new Uint8Array(32 * 32 * 4), width: 32, height: 32 }));
  }
  await page.evaluate(() => visitor.event("kept"));
  assert.deepEqual(await page.evaluate(() => visitor.events.map(({ kind }) => kind)), ["activated", "kept"]);
  assert.equal((await classified(page))[0].version, 2);
  await context.close();
});

test("a model in whose first run the page dies twice is taken for a crash", async () => {
  const publisher = new Publisher("dies", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const context = await browser.newContext();
  for (const time of [1, 2]) {
    const page = await visit(context);
    const session = await context.newCDPSession(page);
    const tried = page.evaluate(async (options) => {
      const { open } = await import("/wasm/npm/test/visitor.mjs");
      const { client } = await open(options);
      await client.check();
      await new Promise(() => undefined);
    }, optionsFor(publisher, { wasm: "/engine-hangs/" })).catch(() => "gone");
    // Until it doesn't come back: the model runs.
    const lives = () => Promise.race([session.send("Runtime.evaluate", { expression: "1" }).catch(() => undefined), new Promise((resolve) => setTimeout(() => resolve("hangs"), 2000))]);
    while ((await lives()) !== "hangs");
    const crashed = page.waitForEvent("crash");
    // Which is never answered.
    void session.send("Page.crash").catch(() => undefined);
    await crashed;
    assert.equal(await tried, "gone", `the ${time}. time`);
    await page.close();
  }
  const page = await visit(context);
  assert.equal((await open(page, optionsFor(publisher))).version, 1);
  const { reason, to } = await page.evaluate(() => visitor.event("rolledBack"));
  assert.deepEqual({ reason, to }, { reason: "crash", to: 1 });
  assert.equal((await classified(page))[0].version, 1);
  await context.close();
});

test("a model whose file the browser lost is fetched again, and isn't blamed", async () => {
  const publisher = new Publisher("lost", "cifar10");
  publisher.publish(word("one"));
  publisher.publish(word("two"));
  const page = await visit();
  await open(page, optionsFor(publisher));
  await checked(page, "kept");
  await page.reload();
  const removed = await page.evaluate(async () => {
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle("dunlin-cifar10");
    const names = [];
    for await (const name of folder.keys()) names.push(name);
    for (const name of names) await folder.removeEntry(name);
    return names.length;
  });
  assert.equal(removed, 1);
  assert.equal((await open(page, optionsFor(publisher))).version, 1, "it answers all the while");
  await page.evaluate(() => visitor.event("kept"));
  const events = await page.evaluate(() => visitor.events);
  assert.deepEqual(events[0], { kind: "rolledBack", version: 2, to: 1, reason: "lost" });
  assert.deepEqual(events.slice(1).map(({ kind }) => kind), ["found", "downloaded", "activated", "kept"]);
  assert.equal((await classified(page))[0].version, 2);
  await page.context().close();
});

test("without a network it answers, and updates when it is back", async () => {
  const publisher = new Publisher("offline", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const page = await visit();
  await open(page, optionsFor(publisher));
  await page.context().setOffline(true);
  const [failed] = await checked(page, "failed");
  assert.equal(failed.fault, "network");
  assert.equal((await classified(page))[0].version, 1);
  await page.context().setOffline(false);
  await page.evaluate(() => visitor.event("kept"));
  assert.equal((await classified(page))[0].version, 2);
  await page.context().close();
});

test("what was emptied begins with what the app ships, and with its floor", async () => {
  const publisher = new Publisher("emptied", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const page = await visit();
  await open(page, optionsFor(publisher));
  await checked(page, "kept");
  const session = await page.context().newCDPSession(page);
  await page.goto("about:blank");
  await session.send("Storage.clearDataForOrigin", { origin: server.origin, storageTypes: "all" });
  await page.goto(server.origin);
  const floor = { timestamp: 99 };
  assert.deepEqual(await open(page, optionsFor(publisher, { floor })), { version: 1, isPersistent: true, isLeading: true });
  const [failed] = await checked(page, "failed");
  assert.equal(failed.fault, "metadata");
  assert.equal((await classified(page))[0].version, 1);
  await page.context().close();
});

test("a page that isn't secure updates as well, and keeps nothing", async () => {
  const publisher = new Publisher("insecure", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const page = await (await browser.newContext()).newPage();
  await page.route("http://insecure.example/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    await route.fulfill({ response: await route.fetch({ url: server.origin + pathname }) });
  });
  await page.goto("http://insecure.example/");
  assert.equal(await page.evaluate(() => globalThis.isSecureContext || "subtle" in crypto), false);
  assert.deepEqual(await open(page, optionsFor(publisher)), { version: 1, isPersistent: false, isLeading: true });
  await checked(page, "kept");
  assert.equal((await classified(page))[0].version, 2);
  await page.context().close();
});

const WITHOUT = {
  "a database": () => Object.defineProperty(globalThis, "indexedDB", { value: { open: () => { throw new DOMException("private", "SecurityError"); } } }),
  "files": () => Object.defineProperty(StorageManager.prototype, "getDirectory", { value: () => Promise.reject(new DOMException("private", "SecurityError")) }),
};

for (const [what, script] of Object.entries(WITHOUT)) {
  test(`a window without ${what} updates as well`, async () => {
    const publisher = new Publisher(`without-${what.length}`, "cifar10");
    publisher.publish(shipped);
    publisher.publish(word("two"));
    const context = await browser.newContext();
    await context.addInitScript(script);
    const page = await visit(context);
    const persistent = what === "files";
    assert.deepEqual(await open(page, optionsFor(publisher)), { version: 1, isPersistent: persistent, isLeading: true });
    await checked(page, "kept");
    assert.equal((await classified(page))[0].version, 2);
    await page.reload();
    assert.equal((await open(page, optionsFor(publisher))).version, persistent ? 2 : 1);
    await context.close();
  });
}

test("where the browser doesn't say what a connection costs, only metadata is fetched", async () => {
  const publisher = new Publisher("metered", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, "connection", { value: undefined }));
  const page = await visit(context);
  asked.length = 0;
  await open(page, optionsFor(publisher, { when: {} }));
  await checked(page, "found");
  assert.deepEqual(asked.filter(({ path }) => path.startsWith(`${publisher.address}/targets`)), []);
  await page.reload();
  await page.evaluate(async (options) => {
    const { open } = await import("/wasm/npm/test/visitor.mjs");
    globalThis.visitor = await open({ ...options, conditions: () => ({ metered: false, charging: false }) });
    await visitor.event("kept");
  }, optionsFor(publisher, { when: {} }));
  await context.close();
});

test("what an app gives wrongly is an error with a code", async () => {
  const publisher = new Publisher("wrong", "cifar10");
  publisher.publish(shipped);
  const page = await visit();
  const codes = await page.evaluate(async (options) => {
    const { Client } = await import("/wasm/npm/dist/client.js");
    const code = (more) => Client.open({ ...options, ...more }).then(() => "none", (error) => error.code ?? String(error));
    const shipped = (source) => ({ shipped: { source, version: 1 } });
    return {
      version: await code({ shipped: { source: "/", version: -1 } }),
      missing: await code(shipped("/nowhere.dunlin")),
      page: await code(shipped("/")),
      modules: await code({ wasm: "/nowhere/" }),
      interval: await code({ interval: NaN }),
    };
  }, optionsFor(publisher));
  assert.deepEqual(codes, { version: "input", missing: "fetch", page: "artifact", modules: "fetch", interval: "input" });
  await page.context().close();
});

test("a client that was disposed of lets another lead, and answers no more", async () => {
  const publisher = new Publisher("disposed", "cifar10");
  publisher.publish(shipped);
  const page = await visit();
  const found = await page.evaluate(async (options) => {
    const { open, GREY } = await import("/wasm/npm/test/visitor.mjs");
    const first = await open(options);
    first.client.dispose();
    first.client.dispose();
    const code = await first.client.classify(GREY).then(() => "none", (error) => error.code);
    const second = await open(options);
    while (!second.client.isLeading) await new Promise((resolve) => setTimeout(resolve));
    return { code, leads: first.client.isLeading };
  }, optionsFor(publisher));
  assert.deepEqual(found, { code: "disposed", leads: false });
  await page.context().close();
});

test("a model that a trap ends is taken back, and what the app ships is loaded anew", async () => {
  const publisher = new Publisher("traps", "cifar10");
  publisher.publish(shipped);
  publisher.publish(word("two"));
  const page = await visit();
  await open(page, optionsFor(publisher, { wasm: "/engine-traps/" }));
  await checked(page, "kept");
  const found = await page.evaluate(async () => {
    const { GREY } = await import("/wasm/npm/test/visitor.mjs");
    const code = () => visitor.client.classify(GREY).then(() => "none", (error) => error.code);
    const codes = [await code()];
    const { reason, to } = await visitor.event("rolledBack");
    return { codes: [...codes, await code(), await code()], reason, to, version: visitor.client.version };
  });
  assert.deepEqual(found, { codes: ["internal", "internal", "internal"], reason: "load", to: 1, version: 1 });
  await page.context().close();
});

test("a defect of the machines ends updates, and nothing else", async () => {
  const publisher = new Publisher("defect", "cifar10");
  publisher.publish(shipped);
  const page = await visit();
  assert.equal((await open(page, optionsFor(publisher, { wasm: "/sync-traps/" }))).version, 1);
  assert.equal((await page.evaluate(() => visitor.event("failed"))).fault, "internal");
  await page.evaluate(() => visitor.client.check());
  assert.equal((await classified(page))[0].version, 1);
  await page.context().close();
});
