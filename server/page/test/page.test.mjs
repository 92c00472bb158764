// What the page does for the people who run a fleet, in Chromium, against the real server: `npm test` after `cargo build --release`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { MODELS, ask, clouds, picture, publish, summaries, text, today } from "./fleet.mjs";
import { accessible, opened, ready, shoot } from "./page.mjs";
import { client, folder, launch, newToken, remove, start } from "./server.mjs";

const [DARK, NARROW] = [{ colorScheme: "dark" }, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }];
const day = (number) => new Date(number * 86_400_000).toISOString().slice(0, 10);

/** Texts as people and as attackers write them. */
const TEXTS = [
  "Free entry! Win a prize today, call 0900 12 34 56 now", "Are you home for dinner?", "<img src=x onerror=alert(1)><script>alert(2)</script> & <b>bold</b>",
  "مرحبا، هل أنت في المنزل؟ \u202etxet desrever", "word ".repeat(2000), "Claim your reward before midnight", "See you at 8",
];

let browser, data, server, reviewers;

before(async () => {
  data = folder();
  clouds(data);
  [browser, server] = await Promise.all([launch(), start(data)]);
  reviewers = { anna: newToken(data, "reviewer", "anna"), ben: newToken(data, "reviewer", "ben") };
});

after(async () => {
  await browser?.close();
  await server?.stop();
  if (data) remove(data);
});

const as = (token, hash, act, options) => opened(browser, server, token, hash, act, options);

describe("a fresh server", () => {
  test("asks for a token, and says what is wrong with one", () =>
    as(null, "", async (page) => {
      const error = page.locator("#token-error");
      assert.equal(await page.evaluate(() => document.activeElement.id), "token");
      await accessible(page, "sign in");
      await page.fill("#token", "no token ü");
      await page.keyboard.press("Enter");
      assert.match(await error.innerText(), /one word/);
      await page.fill("#token", "dunlin-publisher-00");
      await page.keyboard.press("Enter");
      await error.filter({ hasText: "doesn't know this token" }).waitFor();
      await page.fill("#token", server.tokens.device);
      await page.keyboard.press("Enter");
      await error.filter({ hasText: "This token is a device's" }).waitFor();
      await page.fill("#token", server.tokens.publisher);
      await page.keyboard.press("Enter");
      await ready(page, "Fleet");
      assert.equal(await page.locator("#who-name").innerText(), "publisher");
      assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0, "the token stays in the tab");
      await page.click("#sign-out");
      await page.locator("#token").waitFor();
      assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    }, { tolerated: /status of 40[13]/ }));

  for (const [screen, heading, says] of [
    ["fleet", "Fleet", "dunlin publish model.dunlin"], ["drift", "Drift", "dunlin calibrate model.dunlin"],
    ["answers", "Answers", "dunlin calibrate model.dunlin"], ["alerts", "Alerts", "No alerts"], ["review", "Review", "Nothing waits for you"],
  ]) {
    test(`${screen} says what to do next`, () =>
      as(server.tokens.reviewer, `#/${screen}`, async (page) => {
        await ready(page, heading);
        await page.locator(".state", { hasText: says }).waitFor();
        assert.equal(await page.title(), `${heading} – Dunlin`);
        assert.equal(await page.locator("#nav a[aria-current]").innerText(), heading);
        await accessible(page, `empty ${screen}`);
      }));
  }

  test("is told from one that has stopped", () =>
    as(server.tokens.publisher, "#/fleet", async (page) => {
      await ready(page, "Fleet");
      await page.route("**/v1/**", (route) => route.abort());
      await page.click("#nav-alerts");
      await page.locator("[role=alert]", { hasText: "can't be reached" }).waitFor();
      await page.unroute("**/v1/**");
      await page.click("text=Try again");
      await page.locator("h2", { hasText: "No alerts" }).waitFor();
    }, { tolerated: /ERR_FAILED/ }));
});

describe("files", () => {
  test("come with their type, a strict policy, and only once", async () => {
    for (const [path, media] of [["", "text/html"], ["page/main.js", "text/javascript"], ["page/style.css", "text/css"], ["page/icon.svg", "image/svg+xml"]]) {
      const first = await fetch(server.address + path);
      assert.equal(first.status, 200, path);
      assert.ok(first.headers.get("content-type").startsWith(media), path);
      assert.match(first.headers.get("content-security-policy"), /^default-src 'self'; img-src 'self' data:;/);
      assert.doesNotMatch(first.headers.get("content-security-policy"), /unsafe|https?:/);
      const again = await fetch(server.address + path, { headers: { "if-none-match": first.headers.get("etag") } });
      assert.equal(again.status, 304, path);
    }
    assert.equal((await fetch(`${server.address}page/..%2fCargo.toml`)).status, 404);
  });
});

describe("a fleet", () => {
  before(async () => {
    await publish(server, server.tokens, data);
    await summaries(server, server.tokens);
    await Promise.all(TEXTS.map((words, number) => ask(server, server.tokens, "messages", text(words), number)));
    await ask(server, server.tokens, "pictures", picture(), 100, { dunlin_reason: "out_of_distribution" });
    await ask(server, server.tokens, "messages", text("Nobody shall see this"), 101, { dunlin_review: false });
  });

  test("is seen with its versions, what became of them, and who has them", () =>
    as(server.tokens.publisher, "", async (page) => {
      await ready(page, "Fleet");
      const rows = (await page.locator("section", { hasText: "Devices a day" }).locator("table").first().locator("tbody tr").allInnerTexts()).map((row) => row.split("\t"));
      assert.deepEqual(rows.map(([version, state]) => [version, state]), [["4", "held"], ["3", "withdrawn"], ["2", "released"], ["1", "released"]]);
      assert.equal(rows[0].at(-1), "Held: <b>waits</b> for labels of Monday's messages");
      assert.equal(await page.locator("main b").count(), 0);
      assert.match(rows[2][3], /^\d,?\d{3} on |^\d{3} on /);
      assert.match(await page.locator(".tiles div", { hasText: "left to" }).innerText(), /(29|30) days/);
      assert.equal(await page.locator("svg[role=img]").count(), 1);
      assert.deepEqual(await page.locator("section", { hasText: "Signed metadata" }).locator("tbody th").allInnerTexts(), ["root", "snapshot", "targets", "timestamp"]);
      await page.locator("summary", { hasText: "Numbers" }).click();
      assert.equal(await page.locator("#numbers-0 tbody tr").count(), 13);
      await accessible(page, "fleet");
      await shoot(page, "fleet");
    }));

  test("whose signatures expire is told in time", () =>
    as(server.tokens.publisher, "", async (page) => {
      await page.locator(".tiles .warn .value", { hasText: "3 days" }).waitFor();
      assert.deepEqual(await page.locator("section", { hasText: "Signed metadata" }).locator(".badge").allInnerTexts(), ["in 3 days"]);
      await page.clock.setFixedTime(Date.now() + 4 * 86_400_000);
      await page.reload();
      await page.locator(".tiles .bad .value", { hasText: "expired" }).waitFor();
    }, { prepare: (page) => page.route("**/v1/repository", async (route) => {
      const state = await (await route.fetch()).json();
      state.roles.find(({ name }) => name === "timestamp").expires = new Date(Date.now() + 3.5 * 86_400_000).toISOString();
      await route.fulfill({ json: state });
    }) }));

  test("whose answers change is found out, and each window can be looked at", () =>
    as(server.tokens.reviewer, `#/drift/${MODELS[1]}/class?cohort=locale:de`, async (page) => {
      await ready(page, "Drift");
      const cells = page.locator(".heat tr", { hasText: "class" }).locator("td");
      const flagged = await cells.evaluateAll((all) => all.map((cell) => cell.classList.contains("hot")));
      assert.deepEqual(flagged.slice(-4), [true, true, true, true]);
      assert.deepEqual(flagged.slice(0, -4).filter(Boolean), []);
      assert.equal(await page.locator("section h2", { hasText: "class, " }).innerText(), `Class, ${day(today() - 1)}`);
      assert.match(await page.locator("section", { hasText: "class, " }).last().innerText(), /Suspect: 4 such windows in a row/);
      await page.locator(`#cell-length_log2-${today() - 2}`).click();
      await page.locator("h2", { hasText: `length of text, ${day(today() - 2)}` }).waitFor();
      await page.focus("#metric");
      await page.selectOption("#metric", "reason");
      await page.locator("h2", { hasText: `decision, ${day(today() - 1)}` }).waitFor();
      assert.ok(page.url().endsWith(`#/drift/${MODELS[1]}/reason?cohort=locale%3Ade`), page.url());
      assert.equal(await page.evaluate(() => document.activeElement.id), "metric", "a field keeps the focus");
      await page.selectOption("#cohort", "locale:fr");
      await page.locator("p", { hasText: "Of locale fr, by metric and day." }).waitFor();
      assert.equal(await page.locator(".heat .hot").count(), 0, "the others' are as they were");
      await page.goBack();
      await page.locator(".heat .hot").first().waitFor();
      await accessible(page, "drift");
      await shoot(page, "drift");
    }));

  test("is shown by the model that most devices have, where none is named", () =>
    as(server.tokens.reviewer, "#/answers", async (page) => {
      await ready(page, "Answers");
      assert.equal(await page.locator("#model option:checked").innerText(), "sms_spam 2");
      assert.deepEqual((await page.locator("#model option").allInnerTexts()).sort(), ["sms_spam 1", "sms_spam 2", "sms_spam 3 (withdrawn)", "sms_spam 4"]);
    }));

  test("raises alerts that say what was seen, how much, and what to do", async () => {
    const deadline = Date.now() + 60_000;
    const reviewer = client(server.address, server.tokens.reviewer);
    const lasting = ({ metric, cohort, windows }) => metric === "class" && cohort.locale === "de" && windows === 4;
    while (!(await reviewer.get("v1/alerts?days=90")).alerts.some(lasting)) {
      assert.ok(Date.now() < deadline, "no alert");
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    await as(server.tokens.reviewer, "#/alerts", async (page) => {
      await ready(page, "Alerts");
      const first = page.locator(".alert", { hasText: "class of locale de" }).first();
      assert.match(await first.innerText(), new RegExp(`sms_spam 2: class of locale de\\s+${day(today() - 1)}, raised .*\\s+\\d\\d\\.\\d % of answers moved to other bins, in the last of 4 suspect windows in a row\\. Most changed: ham .* → .*\\s+Before that: .* % on ${day(today() - 2)}, .* on ${day(today() - 3)}\\.`));
      assert.equal(await page.locator(".alert", { hasText: "class of locale de" }).count(), 1, "days in a row are one");
      // Version 1 is there to go back to.
      assert.equal(await first.locator(".badge").innerText(), "roll back");
      await accessible(page, "alerts");
      await shoot(page, "alerts");
      await first.locator("text=The window beside its baseline").click();
      await page.locator("h2", { hasText: `class, ${day(today() - 1)}` }).waitFor();
    });
  });

  test("answers by itself as often and as fast as it is told to have", () =>
    as(server.tokens.reviewer, `#/answers/${MODELS[1]}?cohort=locale:de`, async (page) => {
      await ready(page, "Answers");
      const tile = async (name) => (await page.locator(".tiles div", { has: page.locator("dt", { hasText: name }) }).innerText()).split("\n");
      const share = parseFloat((await tile("not answered"))[1]);
      assert.ok(share > 25 && share < 55, `${share} % of 40 %`);
      assert.match((await tile("p50"))[1], /^\d+ µs$/);
      assert.match((await tile("p99"))[2], /^99 of 100; .* to .*s$/);
      const right = parseFloat((await tile("right, estimated"))[1]);
      assert.ok(right > 65 && right < 95, `${right} % of 81 %`);
      assert.match((await tile("right, estimated"))[2], /^\d.* to .*; without audits$/);
      assert.equal(await page.locator("svg[role=img]").count(), 5 - (await page.locator("section p", { hasText: "Too few inputs went to the cloud" }).count()));
      const quiet = await client(server.address, server.tokens.reviewer).get(`v1/models/${MODELS[1]}/answers?cohort=locale:fr`);
      const { interval } = quiet.days.at(-1).fallback;
      assert.ok(interval[0] <= 0.07 && interval[1] >= 0.07, `7 % lies in ${interval}`);
      await accessible(page, "answers");
      await shoot(page, "answers");
    }));

  test("every screen holds in the dark and on a phone", async () => {
    for (const [name, options] of [["dark", DARK], ["narrow", NARROW], ["narrow-dark", { ...NARROW, ...DARK }]]) {
      await as(reviewers.ben, "#/fleet", async (page) => {
        for (const [screen, heading, hash] of [
          ["fleet", "Fleet", "#/fleet"], ["drift", "Drift", `#/drift/${MODELS[1]}/reason?cohort=locale:de`], ["answers", "Answers", `#/answers/${MODELS[1]}`],
          ["alerts", "Alerts", "#/alerts"], ["review", "Review", "#/review"],
        ]) {
          await page.evaluate((to) => (location.hash = to), hash);
          await ready(page, heading);
          if (screen === "review") await page.locator("#item").waitFor();
          await accessible(page, `${screen} ${name}`);
          await shoot(page, `${screen}-${name}`);
        }
      }, { context: options });
    }
  });
});

describe("a screen", () => {
  const asked = async (page, act) => {
    let count = 0;
    const hear = (request) => (count += request.url().includes("/v1/fleet") ? 1 : 0);
    page.on("request", hear);
    await act();
    page.off("request", hear);
    return count;
  };

  test("is refreshed every half a minute while it is seen, and tells when it couldn't be", () =>
    as(server.tokens.publisher, "#/fleet", async (page) => {
      await ready(page, "Fleet");
      await page.locator("#fresh", { hasText: "Refreshed at" }).waitFor();
      await page.locator("details summary").first().click();
      assert.equal(await asked(page, () => page.clock.runFor(29_000)), 0);
      assert.equal(await asked(page, async () => {
        await Promise.all([page.waitForResponse("**/v1/fleet*"), page.clock.runFor(2_000)]);
      }), 1);
      assert.ok(await page.locator("details[open]").count(), "what was open stays open");
      await page.evaluate(() => Object.defineProperty(document, "hidden", { value: true, configurable: true }));
      assert.equal(await asked(page, () => page.clock.runFor(120_000)), 0, "nobody looks");
      await page.route("**/v1/fleet*", (route) => route.abort());
      await page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: false, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      });
      await page.locator("#stale", { hasText: "couldn't be refreshed. The server can't be reached." }).waitFor();
      assert.ok(await page.locator(".tiles").count(), "what was known is still shown");
      await page.unroute("**/v1/fleet*");
      await page.clock.runFor(31_000);
      await page.locator("#stale").waitFor({ state: "hidden" });
    }, { tolerated: /ERR_FAILED/, prepare: (page) => page.clock.install() }));

  test("whose address means nothing is the fleet's, and a model that isn't there is told", () =>
    as(server.tokens.publisher, "#/nowhere/%E0%A4%A", async (page) => {
      await ready(page, "Fleet");
      await page.evaluate(() => (location.hash = `#/drift/${"0".repeat(64)}`));
      await page.locator("[role=alert]", { hasText: "There is no such model" }).waitFor();
      await page.evaluate((model) => (location.hash = `#/drift/${model}/nothing`), MODELS[1]);
      await page.locator("[role=alert]", { hasText: "This model has no such metric" }).waitFor();
      await page.evaluate((model) => (location.hash = `#/answers/${model}?cohort=nonsense`), MODELS[1]);
      await page.locator("[role=alert]", { hasText: "Cohort is one key and one value" }).waitFor();
    }, { tolerated: /status of 40[04]/ }));

  test("whose token is taken away asks for another", () =>
    as(server.tokens.publisher, "#/fleet", async (page) => {
      await ready(page, "Fleet");
      await page.evaluate(() => sessionStorage.setItem("dunlin-token", "dunlin-publisher-gone"));
      await page.click("#nav-alerts");
      await page.locator("#token-error", { hasText: "doesn't know this token" }).waitFor();
      assert.equal(await page.locator("#nav").isVisible(), false);
    }, { tolerated: /status of 401/ }));
});
