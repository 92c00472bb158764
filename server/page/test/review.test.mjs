// Reviewing, without a mouse: in Chromium against the real server.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { ask, clouds, picture, text } from "./fleet.mjs";
import { accessible, opened, ready, shoot } from "./page.mjs";
import { client, folder, launch, newToken, remove, start } from "./server.mjs";

const MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script> & <b>bold</b>";

/** Oldest first, as they are reviewed. */
const TEXTS = ["Free entry! Win a prize today", "Are you home for dinner?", MARKUP, "مرحبا، هل أنت في المنزل؟ \u202etxet desrever", "word ".repeat(2000), "See you at 8"];

let browser, data, server, anna, ben;

before(async () => {
  data = folder();
  clouds(data);
  [browser, server] = await Promise.all([launch(), start(data)]);
  [anna, ben] = ["anna", "ben"].map((name) => newToken(data, "reviewer", name));
  for (const [number, words] of TEXTS.entries()) await ask(server, server.tokens, "messages", text(words), number);
  await ask(server, server.tokens, "pictures", picture(), 50, { dunlin_reason: "audit" });
  await ask(server, server.tokens, "messages", text("Nobody shall see this"), 51, { dunlin_review: false });
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (data) remove(data);
});

const shown = (page) => page.locator("#item .input").innerText();
const progress = (page) => page.locator("#progress").innerText();

/** Waits until the item is another one. */
async function next(page, act) {
  const before = await page.locator("#item").elementHandle();
  await act();
  await page.waitForFunction((old) => !old.isConnected && !document.querySelector("[aria-busy]"), before);
}

const said = async (token) => {
  const tasks = await client(server.address, token).get("v1/reviews/export?format=label_studio");
  return new Map(tasks.map(({ data: of, annotations }) => [of.text ?? "picture", annotations.map(({ dunlin_reviewer, was_cancelled, result }) => [dunlin_reviewer, was_cancelled ? "skip" : (result[0]?.value.choices[0] ?? "none")])]));
};

test("a publisher is told how to become a reviewer", () =>
  opened(browser, server, server.tokens.publisher, "#/review", async (page) => {
    await page.locator("h2", { hasText: "Reviewing needs a reviewer's token" }).waitFor();
    await accessible(page, "review as a publisher");
  }));

test("all items are gone through by keys alone", () =>
  opened(browser, server, null, "#/review", async (page) => {
    // Nothing in this test clicks.
    const press = (key) => page.keyboard.press(key);
    await page.keyboard.type(anna);
    await press("Enter");
    await page.locator("#item").waitFor();
    assert.match(await progress(page), /^0 done, 7 to go/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "item", "the item has the focus, and is read aloud");
    assert.equal(await shown(page), TEXTS[0]);
    assert.match(await page.locator(".about").innerText(), /The cloud says:\s*(ham|spam) \(\d+\.?\d* %\)\s*by:\s*messages\s*asked because:\s*ambiguous/);
    assert.deepEqual((await page.locator(".labels button").allInnerTexts()).map((label) => label.replace(/\s+/g, " ")), ["1 ham", "2 spam"]);
    await accessible(page, "review");
    await shoot(page, "review-text");
    await press("?");
    await page.locator("dialog[open]").waitFor();
    await accessible(page, "keys");
    await press("2");
    assert.equal(await shown(page), TEXTS[0], "keys act on nothing while they are explained");
    await press("Escape");
    await next(page, () => press("2"));
    assert.equal(await shown(page), TEXTS[1]);
    assert.match(await progress(page), /^1 done, 6 to go/);
    await next(page, () => press("2"));
    // That was wrong.
    await next(page, () => press("u"));
    assert.equal(await shown(page), TEXTS[1]);
    assert.match(await page.locator(".about").innerText(), /You said:\s*spam/);
    assert.equal(await page.locator(".labels .was").innerText().then((label) => label.replace(/\s+/g, " ")), "2 spam");
    await next(page, () => press("1"));
    assert.match(await progress(page), /^2 done, 5 to go/, "an item counts once");
    assert.equal(await shown(page), MARKUP);
    assert.equal(await page.locator("#item img, #item script, #item b").count(), 0, "markup is shown as it was written");
    await next(page, () => press("d"));
    const arabic = page.locator("#item blockquote");
    assert.equal(await arabic.evaluate((quote) => getComputedStyle(quote).direction), "rtl");
    assert.doesNotMatch(await arabic.innerText(), /\u202e/);
    await shoot(page, "review-rtl");
    await next(page, () => press("s"));
    assert.equal((await shown(page)).trim().length, TEXTS[4].trim().length);
    const box = await page.locator("#item .input").boundingBox();
    assert.ok(box.height <= 900 / 2, "a long text scrolls by itself");
    assert.ok(await page.locator(".labels button").first().isVisible());
    await accessible(page, "a long text");
    // A button by Tab and Enter, for who doesn't know the keys.
    await next(page, async () => {
      while ((await page.evaluate(() => document.activeElement.textContent)) !== "1ham") await press("Tab");
      await press("Enter");
    });
    await next(page, () => press("1"));
    const picture = page.locator("#item img");
    assert.deepEqual(await picture.evaluate((image) => [image.naturalWidth, image.naturalHeight, image.complete]), [32, 32, true]);
    assert.match(await page.locator(".about").innerText(), /an audit: taken at random/);
    assert.equal(await page.locator(".labels button").count(), 10);
    await accessible(page, "a picture");
    await shoot(page, "review-picture");
    // The tenth label is 0.
    await press("0");
    await page.locator("h2", { hasText: "Nothing waits for you" }).waitFor();
    assert.match(await progress(page), /^7 done, 0 to go/);
    const mine = [["anna", "spam"], ["anna", "ham"], ["anna", "none"], ["anna", "skip"], ["anna", "ham"], ["anna", "ham"], ["anna", "truck"]];
    assert.deepEqual([...TEXTS, "picture"].map((name) => name), [...(await said(anna)).keys()]);
    assert.deepEqual([...(await said(anna)).values()], mine.map((one) => [one]));
    await page.keyboard.press("u");
    await page.locator("#item img").waitFor();
    assert.deepEqual((await said(anna)).get("picture"), [], "what is taken back isn't said any more");
    // Also by who comes back to it later.
    await page.reload();
    await page.locator("#item img").waitFor();
    await press("1");
    await page.locator("h2", { hasText: "Nothing waits for you" }).waitFor();
    assert.deepEqual((await said(anna)).get("picture"), [["anna", "airplane"]]);
    await press("u");
    await page.locator("#item img").waitFor();
    await press("1");
    await page.locator("h2", { hasText: "Nothing waits for you" }).waitFor();
  }));

test("a second reviewer's verdicts make an agreement, which everyone sees", () =>
  opened(browser, server, ben, "#/review", async (page) => {
    await page.locator("#item").waitFor();
    assert.equal(await page.locator("#kappa").innerText(), "No item has two verdicts yet");
    // Items that others have labelled come first, and nothing tells how: the first two as anna did, the third not.
    for (let done = 0; done < 3; done++) {
      const words = await shown(page);
      assert.match(await page.locator(".about").innerText(), /another reviewer gave it a label/);
      const theirs = (await said(ben)).get(words)?.[0]?.[1];
      const key = done === 2 ? (theirs === "ham" ? "2" : "1") : { ham: "1", spam: "2", none: "d" }[theirs];
      await next(page, () => page.keyboard.press(key));
    }
    await page.reload();
    await page.locator("#item").waitFor();
    const { kappa, items } = await client(server.address, ben).get("v1/reviews/agreement");
    assert.equal(items, 3);
    assert.equal(await page.locator("#kappa").innerText(), `Cohen's kappa ${kappa.toFixed(2)} over 3 items with two verdicts, 67 % alike`);
  }));

test("what is exported can be imported again", () =>
  opened(browser, server, anna, "#/review", async (page) => {
    await ready(page, "Review");
    await page.locator("#exchange summary").click();
    for (const [words, name, begins] of [["CSV", "reviews.csv", '"text","label","reason","cloud"'], ["Lines of JSON", "reviews.jsonl", "{"], ["Label Studio's JSON", "reviews.json", "["]]) {
      const [file] = await Promise.all([page.waitForEvent("download"), page.locator("button", { hasText: words }).click()]);
      assert.equal(file.suggestedFilename(), name);
      const content = readFileSync(await file.path(), "utf8");
      assert.ok(content.startsWith(begins), name);
      assert.ok(!content.includes("Nobody shall see this"));
      if (name !== "reviews.json") continue;
      await page.setInputFiles("#import", { name, mimeType: "application/json", buffer: Buffer.from(content) });
      await page.locator("text=/^\\d+ verdicts taken\\.$/").waitFor();
      await page.setInputFiles("#import", { name, mimeType: "application/json", buffer: Buffer.from("no json") });
      await page.locator(".error", { hasText: "The body isn't JSON" }).waitFor();
    }
    await accessible(page, "export and import");
  }, { tolerated: /status of 400/ }));

/** An item as the server would tell it, for models whose labels are others. */
const item = (labels, more) => ({
  waiting: 1, reviews: [{ id: "00000000-0000-4000-8000-000000000001", at: Date.now() - 60_000, cloud: "other", model: null, reason: "other", predicted: labels[0] ?? "", probability: 0.5, state: "open", labels, text: "Hello", ...more }],
});

/** Shows an item, and gives the labels that were sent. */
async function withItem(page, body) {
  const sent = [];
  await page.route("**/v1/reviews?*", (route) => route.fulfill({ json: body }));
  await page.route("**/v1/reviews/*/label", (route) => {
    sent.push(route.request().postDataJSON().label);
    route.fulfill({ json: { id: body.reviews[0].id, state: "labelled" } });
  });
  return sent;
}

test("a thousand labels, some of them hostile, are found by typing", () => {
  const labels = Array.from({ length: 1000 }, (_, index) => `label ${index}`);
  [labels[1], labels[2], labels[3]] = ['<script>alert(1)</script>"', "\u202ereversed", "long ".repeat(50)];
  let sent;
  return opened(browser, server, anna, "#/review", async (page) => {
    await page.locator("#item").waitFor();
    assert.equal(await page.locator(".labels button").count(), 10);
    assert.match(await page.locator("#more-labels").innerText(), /^990 more labels: type to find one\.$/);
    assert.equal(await page.locator(".labels li", { hasText: "<script>" }).count(), 1);
    await accessible(page, "a thousand labels");
    await shoot(page, "review-labels");
    await page.keyboard.press("/");
    await page.keyboard.type("777");
    await page.locator(".labels li", { hasText: "label 777" }).waitFor();
    assert.equal(await page.locator(".labels li").count(), 1);
    await page.keyboard.press("Escape");
    assert.deepEqual(sent, [], "digits that were typed into the field are text");
    await page.keyboard.press("1");
    await page.waitForFunction(() => document.querySelector("#progress").textContent.startsWith("1 done"));
    assert.deepEqual(sent, ["label 777"]);
  }, { prepare: async (page) => { sent = await withItem(page, item(labels)); }, context: { viewport: { width: 390, height: 844 } } });
});

test("where nobody knows the labels they are typed, and then have keys", () => {
  let sent;
  return opened(browser, server, anna, "#/review", async (page) => {
    await page.locator("#item").waitFor();
    await accessible(page, "labels that are typed");
    await page.keyboard.press("/");
    await page.keyboard.type("so-so");
    await page.keyboard.press("Enter");
    await page.locator(".labels button", { hasText: "so-so" }).waitFor();
    await page.keyboard.press("1");
    await page.waitForFunction(() => document.querySelector("#progress").textContent.startsWith("2 done"));
    assert.deepEqual(sent, ["so-so", "so-so"]);
  }, { prepare: async (page) => { sent = await withItem(page, item([], { text: undefined, logits: [1.5, -0.25, 3] })); } });
});

test("what the server refuses is told, and the item stays", () =>
  opened(browser, server, anna, "#/review", async (page) => {
    await page.route("**/v1/reviews/*/label", (route) => route.fulfill({ status: 429, headers: { "retry-after": "2" }, json: { error: { code: "overloaded", message: "the server has too much to do; wait as long as Retry-After says" } } }));
    await page.locator("#item").waitFor();
    await page.keyboard.press("1");
    await page.locator(".error", { hasText: "The server has too much to do; wait as long as Retry-After says. (again in 2 s)" }).waitFor();
    assert.equal(await page.locator("#item").count(), 1);
    assert.match(await progress(page), /^0 done/);
  }, { tolerated: /status of 429/, prepare: async (page) => { await withItem(page, item(["a", "b"])); } }));
