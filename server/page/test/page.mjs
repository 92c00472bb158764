// Opens the page as somebody, and minds that nothing goes wrong that the page doesn't tell.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { REPOSITORY } from "./server.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Signs in with a token, lets `act` use the page at an address, and looks for what went wrong: errors, violations of the policy, requests elsewhere. */
export async function opened(browser, server, token, hash, act, { context: options, tolerated = /^$/, prepare } = {}) {
  const context = await browser.newContext({ viewport: { width: 1240, height: 900 }, ...options });
  const wrong = [];
  context.on("weberror", (error) => wrong.push(String(error.error())));
  context.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !tolerated.test(message.text())) wrong.push(message.text());
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(server.address) && !url.startsWith("data:") && !url.startsWith("blob:")) wrong.push(`request: ${url}`);
  });
  await context.exposeFunction("violated", (what) => wrong.push(`policy: ${what}`));
  await context.addInitScript(() => addEventListener("securitypolicyviolation", (event) => violated(`${event.violatedDirective} ${event.blockedURI}`)));
  try {
    const page = await context.newPage();
    await prepare?.(page);
    await page.goto(server.address + hash);
    if (token) {
      await page.fill("#token", token);
      await page.press("#token", "Enter");
      await page.locator("#nav a").first().waitFor();
    }
    await act(page, context);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

/** Waits until a screen has its content. */
export async function ready(page, heading) {
  await page.locator("h1", { hasText: heading }).waitFor();
  await page.locator("text=Loading…").waitFor({ state: "detached" });
}

/** No finding of axe but those that are minor, and nothing wider than the window. */
export async function accessible(page, where) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, impact, nodes }) => `${where}: ${impact} ${id}: ${nodes.map(({ target, any }) => `${target} ${any[0]?.message ?? ""}`).join("; ")}`);
  assert.deepEqual(found, []);
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(wide <= window, `${where} is ${wide} wide in a window of ${window}`);
}

/** Keeps a picture of the page, for who wants to look. */
export async function shoot(page, name) {
  const folder = join(REPOSITORY, "target/page");
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, animations: "disabled" });
}
