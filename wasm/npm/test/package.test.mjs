// The package as apps get it: packed, installed into a project of its own, compiled, bundled, run.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { build, createServer } from "vite";

import { launch } from "./browser.mjs";
import { PACKAGE, ROOT } from "./place.mjs";
import { serve } from "./server.mjs";

const folder = `${ROOT}target/web/consumer`;
const files = ["LICENSE-APACHE", "LICENSE-MIT", "README.md", "package.json"];
const npm = (words, cwd) => execFileSync("npm", words, { cwd, encoding: "utf8" });
const settings = { root: folder, configFile: false, logLevel: "error", worker: { format: "es" } };

let [browser, packed] = [];

before(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(`${PACKAGE}test/consumer`, folder, { recursive: true });
  [packed] = JSON.parse(npm(["pack", "--json", "--pack-destination", folder], PACKAGE));
  npm(["install", "--offline", "--no-audit", "--no-fund", `./${packed.filename}`], folder);
  browser = await launch();
});

after(() => browser?.close());

test("the package has what it should have", () => {
  const paths = packed.files.map(({ path }) => path);
  const outside = paths.filter((path) => !path.startsWith("dist/"));
  assert.deepEqual(outside.sort(), files);
  assert.deepEqual(paths.filter((path) => path.endsWith(".wasm")).sort(), ["baseline", "fleet", "relaxed", "simd", "sync", "text"].map((build) => `dist/dunlin_${build}.wasm`));
  const scripts = paths.filter((path) => path.endsWith(".js"));
  assert.deepEqual(scripts, ["dist/client.js", "dist/index.js"]);
  for (const path of scripts) {
    const script = readFileSync(PACKAGE + path, "utf8");
    assert.doesNotMatch(script, /\beval\(|new Function|\bimport\(|new SharedArrayBuffer|localStorage|\bcaches\b/);
  }
});

test("a browser loads no more than 150 kB", () => {
  // As the record of sizes has it: other programs' deflate differs by some hundred bytes.
  const compressed = (path) => execFileSync("gzip", ["-9", "-c", `${PACKAGE}dist/${path}`], { maxBuffer: 1 << 24 }).length;
  const most = { baseline: ["index.js", 150_000], simd: ["index.js", 150_000], relaxed: ["index.js", 150_000], text: [undefined, 40_000], sync: ["client.js", 81_000], fleet: ["client.js", 198_000] };
  for (const [build, [script, goal]] of Object.entries(most)) {
    const bytes = compressed(`dunlin_${build}.wasm`) + (script ? compressed(script) : 0);
    assert.ok(bytes <= goal, `${build}: ${bytes} bytes`);
  }
});

const COMPILED = {
  "a bundler, with a page's types": { files: ["types.ts", "browser.ts"], lib: ["ES2022", "DOM", "ESNext.Disposable"], module: "ESNext", moduleResolution: "Bundler" },
  "a bundler, with an older page's types": { files: ["browser.ts"], lib: ["ES2022", "DOM"], module: "ESNext", moduleResolution: "Bundler" },
  "a worker's types": { files: ["types.ts"], lib: ["ES2022", "WebWorker", "ESNext.Disposable"], module: "ESNext", moduleResolution: "Bundler" },
  "Node's types": { files: ["types.ts"], lib: ["ES2022", "ESNext.Disposable"], types: ["node"], typeRoots: [`${PACKAGE}node_modules/@types`], module: "NodeNext", moduleResolution: "NodeNext" },
};

for (const [name, { files, ...options }] of Object.entries(COMPILED)) {
  test(`compiles strictly for ${name}`, () => {
    const compilerOptions = { types: [], target: "ES2022", strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true, ...options };
    const project = `${folder}/tsconfig.${name.replace(/\W+/g, "-")}.json`;
    writeFileSync(project, JSON.stringify({ compilerOptions, files }));
    execFileSync(process.execPath, [`${PACKAGE}node_modules/typescript/bin/tsc`, "-p", project], { encoding: "utf8", stdio: "pipe" });
  });
}

async function answerOf(address) {
  const page = await browser.newPage();
  const complaints = [];
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(error.message));
  await page.goto(address);
  await page.waitForFunction(() => document.body.dataset.answer !== undefined);
  const answer = await page.evaluate(() => document.body.dataset.answer);
  await page.close();
  return { answer, complaints: complaints.filter((text) => !text.includes("404")) };
}

test("an app that Vite bundled classifies, in a page and in a worker", async () => {
  await build({ ...settings, build: { outDir: "bundled" } });
  cpSync(`${ROOT}models`, `${folder}/bundled/models`, { recursive: true });
  const server = await serve(`${folder}/bundled`);
  assert.deepEqual(await answerOf(server.origin), { answer: "cat,cat", complaints: [] });
  server.close();
});

test("an app that Vite serves while it is written classifies", async () => {
  cpSync(`${ROOT}models`, `${folder}/public/models`, { recursive: true });
  const server = await createServer({ ...settings, server: { host: "localhost" } });
  await server.listen();
  assert.deepEqual(await answerOf(server.resolvedUrls.local[0]), { answer: "cat,cat", complaints: [] });
  await server.close();
});

test("an app has no more of the package than it uses", async () => {
  await build({ ...settings, build: { outDir: "shaken", rollupOptions: { input: `${folder}/error.ts` } }, publicDir: false });
  // Vite copies what a script could refer to, whether or not it does in the end.
  const [name, ...others] = readdirSync(`${folder}/shaken/assets`).filter((name) => !name.endsWith(".wasm"));
  assert.deepEqual(others, []);
  const script = readFileSync(`${folder}/shaken/assets/${name}`, "utf8");
  assert.doesNotMatch(script, /wasm|WebAssembly|Classifier/);
  assert.ok(script.length < 1000, `${script.length} bytes`);
});
