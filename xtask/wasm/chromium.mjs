// Runs a program for wasm32-wasip1 in a headless Chromium: node chromium.mjs FILE [ARGUMENT...]. It sees no files; of the
// environment it gets what begins with DUNLIN_. CHROMIUM names the browser.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const [file, ...rest] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "dunlin-chromium-"));
const environment = Object.entries(process.env).filter(([name]) => name.startsWith("DUNLIN_"));
const job = {
  module: readFileSync(file).toString("base64"),
  words: [file, ...rest],
  environment: environment.map(([name, value]) => `${name}=${value}`),
};

// What a program may ask of its host, as far as a test asks; runs in the page, where everything is synchronous, so that the
// page has loaded when the program has ended.
function run({ module, words, environment }) {
  const says = (text) => (document.querySelector("pre").textContent += text);
  const bytes = Uint8Array.from(atob(module), (c) => c.charCodeAt(0));
  const [BADF, NOSYS] = [8, 52];
  let memory;
  const view = () => new DataView(memory.buffer);
  const set = (at, value) => view().setUint32(at, value, true);
  const encoded = (list) => list.map((text) => new TextEncoder().encode(`${text}\0`));
  const sizes = (list) => (count, length) => {
    set(count, list.length);
    set(length, list.reduce((sum, item) => sum + item.length, 0));
    return 0;
  };
  const copies = (list) => (pointers, at) => {
    list.forEach((item, i) => {
      set(pointers + 4 * i, at);
      new Uint8Array(memory.buffer).set(item, at);
      at += item.length;
    });
    return 0;
  };
  class Exit {
    constructor(code) {
      this.code = code;
    }
  }
  const known = {
    args_sizes_get: sizes(encoded(words)),
    args_get: copies(encoded(words)),
    environ_sizes_get: sizes(encoded(environment)),
    environ_get: copies(encoded(environment)),
    clock_time_get: (id, precision, at) => {
      view().setBigUint64(at, BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6)), true);
      return 0;
    },
    random_get: (at, length) => {
      crypto.getRandomValues(new Uint8Array(memory.buffer, at, length));
      return 0;
    },
    fd_write: (fd, list, count, written) => {
      let length = 0;
      for (let i = 0; i < count; i++) {
        const [at, part] = [0, 4].map((field) => view().getUint32(list + 8 * i + field, true));
        says(new TextDecoder().decode(new Uint8Array(memory.buffer, at, part)));
        length += part;
      }
      set(written, length);
      return 0;
    },
    fd_prestat_get: () => BADF,
    sched_yield: () => 0,
    proc_exit: (code) => {
      throw new Exit(code);
    },
  };
  let code = 0;
  try {
    const host = new Proxy({}, { get: (_, name) => known[name] ?? (() => NOSYS) });
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { wasi_snapshot_preview1: host });
    memory = exports.memory;
    exports._start();
  } catch (error) {
    code = error instanceof Exit ? error.code : 134;
    if (!(error instanceof Exit)) says(`\n${error.stack}\n`);
  }
  document.body.dataset.code = code;
}

const page = `<!doctype html><meta charset="utf-8"><body><pre></pre><script>(${run})(${JSON.stringify(job)})</script></body>`;
writeFileSync(join(folder, "page.html"), page);
const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
flags.push("--disable-background-networking", "--disable-component-update", `--user-data-dir=${folder}`, "--dump-dom");
const browser = process.env.CHROMIUM ?? "chromium";
const options = { encoding: "utf8", maxBuffer: 2 ** 30, timeout: 300_000 };
const { stdout, stderr, error } = spawnSync(browser, [...flags, `file://${folder}/page.html`], options);
rmSync(folder, { recursive: true, force: true });

const code = /<body data-code="(\d+)">/.exec(stdout ?? "")?.[1];
const text = /<pre>([^]*?)<\/pre>/.exec(stdout ?? "")?.[1] ?? "";
const plain = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&nbsp;": " " };
process.stdout.write(text.replace(/&\w+;/g, (entity) => plain[entity] ?? entity));
if (code === undefined) console.error(`${browser} said nothing: ${error ?? stderr}`);
process.exitCode = Number(code ?? 1);
