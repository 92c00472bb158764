// Serves what was built, as `vite preview` does, and opens it in Debian's Chromium.

import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { preview } from "vite";

export const DEMO = fileURLToPath(new URL("..", import.meta.url));
export const REPOSITORY = join(DEMO, "../..");

/** A server of a folder: its address, and how to end it. */
export async function serve(folder = join(DEMO, "dist")) {
  const settings = { build: { outDir: folder }, preview: { port: 0, host: "127.0.0.1" } };
  const server = await preview({ root: DEMO, configFile: join(DEMO, "vite.config.ts"), logLevel: "error", ...settings });
  return { address: `http://127.0.0.1:${server.httpServer.address().port}/`, close: () => server.close() };
}

/** A browser with a profile of its own. */
export function launch(...flags) {
  const executablePath = process.env.CHROMIUM ?? spawnSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).stdout.trim();
  return chromium.launch({ executablePath, headless: true, args: [...FLAGS, ...flags] });
}

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update", "--disable-sync"],
];

/** Keeps a picture of the page, for who wants to look. */
export async function shoot(page, name) {
  const folder = join(REPOSITORY, "target/demo");
  mkdirSync(folder, { recursive: true });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true, animations: "disabled" });
}

/** Waits until the page has an answer, and has timed it. */
export async function answered(page, label) {
  await page.locator("#headline .label", { hasText: new RegExp(`^${label}$`) }).waitFor();
  await page.locator('#answer[aria-busy="false"]').waitFor();
}
