// Questions to the cloud and summaries in Chromium, with the server that `dunlin serve` is.
import assert from "node:assert/strict";
import { after, before, test as named } from "node:test";

import { launch } from "./browser.mjs";
import { read, ROOT } from "./place.mjs";
import { Publisher } from "./repository.mjs";
import { serve } from "./server.mjs";
import { startServer } from "./serving.mjs";

const MODEL = "/models/sms_spam/sms_spam.dunlin";
const SURE = "See you at seven then";
const UNSURE = "Win a date with me tonight, txt back";

// What waits for something that never happens.
const test = (name, run) => named(name, { timeout: 120_000 }, run);

let [browser, server, fleet, publisher] = [];

before(async () => {
  // Pages that may ask another origin.
  const html = (request, response) => response.removeHeader("content-security-policy") ?? response.setHeader("content-type", "text/html").end("<!doctype html><title>Dunlin</title>");
  server = await serve(ROOT, { "/": html });
  fleet = await startServer("cloud-server");
  publisher = new Publisher("cloud", "sms_spam");
  publisher.publish(read(MODEL.slice(1)), "--server", fleet.address, "--token", fleet.publisher);
  browser = await launch();
});

after(async () => {
  await browser?.close();
  fleet?.close();
  server?.close();
});

/** A page of a profile of its own; `asked` are its questions and summaries as they leave. */
async function visit(context) {
  const page = await (context ?? (await browser.newContext())).newPage();
  const asked = [];
  page.on("request", (request) => request.method() === "POST" && asked.push({ url: request.url(), headers: request.headers(), body: request.postDataJSON() }));
  await page.goto(server.origin);
  return Object.assign(page, { asked });
}

const optionsFor = (more = {}) => ({
  model: publisher.model,
  shipped: { source: MODEL, version: 1 },
  repository: publisher.address,
  root: publisher.root,
  cloud: { servers: [{ url: fleet.address, model: "messages", token: fleet.device }], consent: "input" },
  ...more,
});

const consenting = (consent) => optionsFor({ cloud: { ...optionsFor().cloud, consent } });

/** Opens a client in a page and leaves it there as `visitor`; says whether it leads. */
const open = (page, options = optionsFor()) =>
  page.evaluate(async (options) => {
    const { open } = await import("/wasm/npm/test/visitor.mjs");
    globalThis.visitor = await open(options);
    return visitor.client.isLeading;
  }, options);

/** Asks; of what the device says only the version. */
const ask = (page, input, options) =>
  page.evaluate(async ([input, options]) => {
    const { answer, cloud, ...rest } = await visitor.client.ask(input, options);
    return { ...rest, version: answer.version, ...(cloud && { cloud: { ...cloud, probabilities: [...cloud.probabilities] } }) };
  }, [input, options]);

const event = (page, kind) => page.evaluate((kind) => visitor.event(kind).then((event) => (event.cloud ? { ...event, cloud: { ...event.cloud, probabilities: event.cloud.probabilities.length } } : event)), kind);

test("the cloud answers in time what the model isn't sure of, and nothing else is asked", async () => {
  const page = await visit();
  assert.equal(await open(page), true);
  assert.deepEqual(await ask(page, SURE), { version: 1 });
  assert.deepEqual(page.asked, []);
  const { cloud, ...rest } = await ask(page, UNSURE, { budget: 60_000, review: true });
  assert.deepEqual(rest, { version: 1 });
  assert.deepEqual([cloud.label, cloud.probabilities.length], [["ham", "spam"][cloud.index], 2]);
  const [{ url, headers, body }] = page.asked;
  assert.equal(url, `${fleet.address}/v2/models/messages/infer`);
  assert.equal(headers.authorization, `Bearer ${fleet.device}`);
  assert.ok(!headers.cookie && !headers.referer);
  assert.deepEqual(body.inputs, [{ name: "text", shape: [1], datatype: "BYTES", data: [UNSURE] }]);
  const { dunlin_model, ...parameters } = body.parameters;
  assert.match(dunlin_model, /^[0-9a-f]{64}$/);
  assert.deepEqual(parameters, { dunlin_reason: "ambiguous", dunlin_consent: "input", dunlin_review: true });
  assert.deepEqual(await page.evaluate(() => visitor.events), []);
  await page.context().close();
});

test("people get some of the answers that aren't in doubt, and the page hears nothing of it", async () => {
  const page = await visit();
  await open(page, optionsFor({ cloud: { ...optionsFor().cloud, audits: 1000 } }));
  assert.deepEqual(await ask(page, SURE), { version: 1 });
  assert.deepEqual(page.asked, []);
  const audited = page.waitForResponse((response) => response.request().method() === "POST");
  assert.deepEqual(await ask(page, SURE, { review: true }), { version: 1 });
  assert.equal((await audited).status(), 200);
  const [{ body }] = page.asked;
  const { dunlin_model, dunlin_confidence, ...parameters } = body.parameters;
  assert.deepEqual(parameters, { dunlin_reason: "audit", dunlin_consent: "input", dunlin_review: true, dunlin_class: 0 });
  assert.ok(dunlin_confidence > 0.8 && dunlin_confidence <= 1, dunlin_confidence);
  assert.deepEqual(await page.evaluate(() => visitor.events), []);
  await page.context().close();
});

test("without consent nothing leaves, and with consent to features only these", async () => {
  const page = await visit();
  await open(page, consenting(undefined));
  assert.equal(await page.evaluate(() => visitor.client.consent), "none");
  assert.deepEqual(await ask(page, UNSURE), { version: 1, why: "consent" });
  assert.deepEqual(page.asked, []);
  await page.evaluate(() => visitor.client.setConsent("features"));
  const said = await ask(page, UNSURE, { budget: 60_000 });
  // The model there takes texts.
  assert.deepEqual(said, { version: 1, why: "refused" });
  assert.equal(page.asked.length, 1);
  const [{ name, datatype, shape }] = page.asked[0].body.inputs;
  assert.deepEqual([name, datatype, shape], ["logits", "FP32", [1, 2]]);
  assert.doesNotMatch(JSON.stringify(page.asked), /tonight/);
  // Of an answer that was given before, too.
  await page.evaluate(() => visitor.client.setConsent("input"));
  const given = await page.evaluate(async (text) => {
    const answer = await visitor.client.classify(text, { fallback: true });
    return (await visitor.client.ask(answer, { budget: 60_000 })).why;
  }, UNSURE);
  assert.equal(given, "refused");
  assert.equal(page.asked[1].body.inputs[0].name, "logits");
  await page.context().close();
});

test("an answer that comes later is told, and again when the page is opened again, until it is done", async () => {
  const page = await visit();
  await open(page);
  const { ticket, why } = await ask(page, UNSURE, { budget: 0 });
  assert.equal(why, "deadline");
  assert.deepEqual(await event(page, "waiting"), { kind: "waiting", ticket });
  const upgrade = await event(page, "upgrade");
  assert.equal(upgrade.ticket, ticket);
  assert.equal(upgrade.cloud.label, ["ham", "spam"][upgrade.cloud.index]);
  await page.reload();
  await open(page);
  const again = await event(page, "upgrade");
  assert.deepEqual([again.ticket, again.cloud.index], [ticket, upgrade.cloud.index]);
  assert.equal(page.asked.length, 1, "it was asked once");
  await page.evaluate((ticket) => visitor.client.done(ticket), ticket);
  await page.reload();
  await open(page);
  await ask(page, SURE);
  assert.deepEqual(await page.evaluate(() => visitor.events), []);
  await page.context().close();
});

test("a slow server keeps nobody waiting, and one that is down is asked again after the page was", async () => {
  const context = await browser.newContext();
  await context.clock.install();
  const page = await visit(context);
  await open(page);
  let release;
  await page.route("**/v2/**", (route) => new Promise((resolve) => (release = resolve)).then(() => route.continue()));
  const slow = await ask(page, UNSURE, { budget: 150 });
  assert.equal(slow.why, "deadline");
  release();
  assert.equal((await event(page, "upgrade")).ticket, slow.ticket);
  await page.evaluate((ticket) => visitor.client.done(ticket), slow.ticket);
  await page.unrouteAll({ behavior: "ignoreErrors" });

  await page.route("**/v2/**", (route) => route.abort("connectionrefused"));
  const down = await ask(page, `${UNSURE} 2`, { budget: 150 });
  assert.ok(down.ticket, down.why);
  await page.waitForFunction((ticket) => visitor.events.some((event) => event.kind === "waiting" && event.ticket === ticket), down.ticket);
  await page.unrouteAll({ behavior: "ignoreErrors" });
  await page.reload();
  await open(page);
  await page.clock.fastForward(60_000);
  const { ticket, cloud } = await event(page, "upgrade");
  assert.deepEqual([ticket, cloud.label], [down.ticket, undefined], "whose classes aren't known any more");
  // Nobody needs what was asked about any longer.
  const kept = await page.evaluate(async () => {
    const opening = indexedDB.open("dunlin/sms_spam");
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const all = opening.result.transaction("values").objectStore("values").getAll(IDBKeyRange.bound("outbox/", "outbox0"));
    await new Promise((resolve) => (all.onsuccess = resolve));
    return all.result.map(({ bytes }) => new TextDecoder().decode(bytes));
  });
  assert.equal(kept.length, 1);
  assert.doesNotMatch(kept[0], /tonight/);
  await context.close();
});

test("a tab that follows asks by the one that leads, and waits for it no longer than it said", async () => {
  const first = await visit();
  const second = await visit(first.context());
  assert.deepEqual([await open(first), await open(second)], [true, false]);
  const { cloud, ...rest } = await ask(second, UNSURE, { budget: 60_000 });
  assert.deepEqual([rest, cloud.label], [{ version: 1 }, ["ham", "spam"][cloud.index]]);
  assert.deepEqual([first.asked.length, second.asked.length], [1, 0]);
  // What comes later is told in both, and done in either.
  const { ticket } = await ask(second, UNSURE, { budget: 0 });
  for (const page of [first, second]) assert.equal((await event(page, "upgrade")).ticket, ticket);
  await second.evaluate((ticket) => visitor.client.done(ticket), ticket);
  await first.waitForFunction(async () => {
    const opening = indexedDB.open("dunlin/sms_spam");
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const count = opening.result.transaction("values").objectStore("values").count(IDBKeyRange.bound("outbox/", "outbox0"));
    await new Promise((resolve) => (count.onsuccess = resolve));
    opening.result.close();
    return count.result === 0;
  });
  // What a user withdraws in one tab holds in all.
  await second.evaluate(() => visitor.client.setConsent("none"));
  await first.waitForFunction(() => visitor.client.consent === "none");
  for (const page of [first, second]) assert.equal((await ask(page, UNSURE)).why, "consent");
  await second.evaluate(() => visitor.client.setConsent("input"));
  await first.waitForFunction(() => visitor.client.consent === "input");
  // The one that leads is busy with something else for ever.
  void first.evaluate(() => setTimeout(() => { for (;;); })).catch(() => undefined);
  const { why } = await ask(second, UNSURE, { budget: 300 });
  assert.equal(why, "deadline");
  await second.context().close();
});

test("a question goes on when the tab that leads goes, and is asked by the one that leads then", async () => {
  const first = await visit();
  const second = await visit(first.context());
  assert.deepEqual([await open(first), await open(second)], [true, false]);
  // Asked, and never answered.
  const reached = new Promise((resolve) => first.route("**/v2/**", () => resolve(undefined)));
  const asked = ask(second, UNSURE, { budget: 60_000 });
  await reached;
  await first.close();
  const { cloud } = await asked;
  assert.equal(cloud.label, ["ham", "spam"][cloud.index]);
  assert.deepEqual([first.asked.length, second.asked.length], [1, 1]);
  assert.equal(second.asked[0].body.id, first.asked[0].body.id, "the same question to the server");
  await second.context().close();
});

/** Keys of what is counted, in a page's store. */
const counted = (page) =>
  page.evaluate(async () => {
    const opening = indexedDB.open("dunlin/sms_spam");
    await new Promise((resolve) => (opening.onsuccess = resolve));
    const keys = opening.result.transaction("values").objectStore("values").getAllKeys();
    await new Promise((resolve) => (keys.onsuccess = resolve));
    opening.result.close();
    return keys.result.filter((key) => key.startsWith("window/") || key.startsWith("summary/"));
  });

test("summaries are told after consent, one a day for all tabs, and none before", async () => {
  const context = await browser.newContext();
  const day = 86_400_000;
  await context.clock.install({ time: Date.now() - 1.5 * day });
  const page = await visit(context);
  const options = optionsFor({ cloud: undefined, summaries: { server: fleet.address, token: fleet.device, epsilon: 4, cohort: { locale: "de" } } });
  await open(page, options);
  const follower = await visit(context);
  assert.equal(await open(follower, options), false);
  const classify = (page) => page.evaluate((text) => visitor.client.classify(text).then(() => undefined), SURE);
  await classify(page);
  await classify(follower);
  await page.clock.fastForward(60_000);
  assert.deepEqual([await page.evaluate(() => visitor.client.summaries), await counted(page)], ["off", []]);
  await follower.evaluate(() => visitor.client.setSummaries("local_dp"));
  await page.waitForFunction(() => visitor.client.summaries === "local_dp");
  await classify(follower);
  for (let tries = 0; (await counted(page)).length < 2; tries++) {
    assert.ok(tries < 100, "an answer of the tab that follows is counted");
    await page.clock.fastForward(31_000);
  }
  assert.deepEqual(page.asked, []);
  const told = page.waitForResponse((response) => response.url().endsWith("/v1/summaries"));
  await page.clock.fastForward(1.5 * day);
  const response = await told;
  assert.deepEqual(await response.json(), { accepted: 1, refused: [], repeated: 0 });
  const [{ body }] = page.asked;
  const [{ epsilon, cohort, bins }] = body.summaries;
  assert.deepEqual([body.summaries.length, epsilon, cohort, Object.keys(bins).length], [1, 4, { locale: "de" }, 1]);
  assert.deepEqual(follower.asked, []);
  // Withdrawn, all that is kept of it goes.
  await classify(page);
  await page.clock.fastForward(60_000);
  await page.evaluate(() => visitor.client.setSummaries("off"));
  assert.deepEqual(await counted(page), []);
  await context.close();
});

test("a picture goes as three bytes a pixel, and a server of another make may answer", async () => {
  const page = await visit();
  const shipped = { source: "/models/cifar10/cifar10.dunlin", version: 1 };
  await open(page, optionsFor({ shipped, store: "pictures", model: "cifar10", cloud: { servers: [{ url: "https://models.example/", model: "pictures" }], consent: "input" } }));
  await page.route("https://models.example/**", (route) => {
    const id = route.request().postDataJSON()?.id;
    const cors = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };
    const outputs = [{ name: "label", shape: [1], datatype: "BYTES", data: ["ship"] }];
    return route.fulfill({ status: 200, headers: cors, json: { model_name: "pictures", id, outputs } });
  });
  const said = await page.evaluate(async () => {
    const data = Uint8ClampedArray.from({ length: 32 * 32 * 4 }, (_, at) => (at % 4 === 3 ? 255 : at % 251));
    // The app thinks that the model is too old for any.
    const { answer, cloud } = await visitor.client.ask(new ImageData(data, 32, 32), { budget: 60_000, stale: true });
    return { label: cloud?.label, probabilities: cloud?.probabilities.length, version: answer.version };
  });
  assert.deepEqual(said, { label: "ship", probabilities: 0, version: 1 });
  const [{ name, shape, datatype, data }] = page.asked[0].body.inputs;
  assert.deepEqual([name, shape, datatype], ["image", [1, 32, 32, 3], "UINT8"]);
  assert.deepEqual(data.slice(0, 6), [0, 1, 2, 4, 5, 6]);
  await page.context().close();
});

test("what an app gives wrongly is an error with a code", async () => {
  const page = await visit();
  const codes = await page.evaluate(async (options) => {
    const { Client } = await import("/wasm/npm/dist/client.js");
    const code = (promise) => promise.then(() => "none", (error) => error.code ?? String(error));
    const opened = (more) => code(Client.open({ ...options, ...more }));
    const client = await Client.open({ ...options, cloud: undefined });
    const cloud = (more) => ({ cloud: { ...options.cloud, ...more } });
    const summaries = (more) => ({ summaries: { server: "/", ...more } });
    return {
      consent: await opened(cloud({ consent: "all" })),
      timeout: await opened(cloud({ timeout: -1 })),
      epsilon: await opened(summaries({ epsilon: 0 })),
      metrics: await opened(summaries({ metrics: 0 })),
      mode: await opened(summaries({ mode: "on" })),
      cohort: await opened(summaries({ cohort: { locale: "a b" } })),
      nobody: await code(client.ask("text")),
      done: await code(client.done("1")),
      nowhere: await code(client.setSummaries("off")),
    };
  }, optionsFor());
  for (const [what, code] of Object.entries(codes)) assert.equal(code, "input", what);
  await page.context().close();
});
