// The real server, in a folder of its own, and Debian's Chromium.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const REPOSITORY = fileURLToPath(new URL("../../..", import.meta.url));
const DUNLIN = process.env.DUNLIN ?? join(REPOSITORY, "target/release/dunlin");

const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

/** A browser with an empty profile. */
export function launch() {
  const executablePath = process.env.CHROMIUM ?? spawnSync("sh", ["-c", "command -v chromium"], { encoding: "utf8" }).stdout.trim();
  return chromium.launch({ executablePath, args: FLAGS });
}

/** An empty folder for a server. */
export const folder = () => mkdtempSync(join(tmpdir(), "dunlin-page-"));

/** Starts `dunlin serve`; the first start of a folder gives `tokens` by role. */
export async function start(data, options = []) {
  const child = spawn(DUNLIN, ["serve", "--data", data, "--listen", "127.0.0.1:0", "--rate", "0", "--log", "trouble", ...options], { stdio: ["ignore", "pipe", "pipe"] });
  let [said, wrong] = ["", ""];
  child.stderr.on("data", (text) => (wrong += text));
  const address = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`dunlin serve ended with ${code}: ${wrong}`)));
    child.stdout.on("data", (text) => {
      said += text;
      const found = /Serving at (\S+)/.exec(said);
      if (found) resolve(`${found[1]}/`);
    });
  });
  child.removeAllListeners("exit");
  const tokens = Object.fromEntries([...said.matchAll(/^ +(\w+) +(dunlin-\S+)$/gm)].map(([, role, token]) => [role, token]));
  const stop = () => new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on("exit", resolve);
    child.kill("SIGTERM");
  });
  return { address, tokens, stop, troubles: () => wrong };
}

/** What the command says. */
export function dunlin(...words) {
  const ended = spawnSync(DUNLIN, words, { encoding: "utf8" });
  if (ended.status !== 0) throw new Error(`dunlin ${words[0]}: ${ended.stderr}`);
  return ended.stdout.trim();
}

/** A token, as an operator makes one. */
export const newToken = (data, role, name) => dunlin("serve", "--data", data, "--new-token", role, "--name", name);

/** Requests with one token. */
export function client(address, token) {
  const send = async (method, path, body, type) => {
    const response = await fetch(address + path, { method, body, headers: { authorization: `Bearer ${token}`, ...(type && { "content-type": type }) } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  return {
    get: (path) => send("GET", path),
    post: (path, body) => send("POST", path, JSON.stringify(body), "application/json"),
    put: (path, bytes) => send("PUT", path, bytes, "application/octet-stream"),
    putJson: (path, body) => send("PUT", path, JSON.stringify(body), "application/json"),
  };
}

export const remove = (data) => rmSync(data, { recursive: true, force: true });
