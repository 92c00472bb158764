// Drives Chromium: node browser.mjs HOME ROUTES, where HOME has playwright-core, and ROUTES, as JSON, says which folder is served at
// which path. Then for each JSON line on standard input does what it says and prints a JSON line: `open` a page with a name and
// a job (see page.mjs), let it run for a `round` of seconds, `close` it. Ends with its input.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join, normalize } from "node:path";
import { createInterface } from "node:readline";
import { gzipSync } from "node:zlib";

const [home, routes] = [process.argv[2], JSON.parse(process.argv[3])];
const { chromium } = createRequire(join(home, "package.json"))("playwright-core");

const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"];
FLAGS.push("--disable-background-networking", "--disable-component-update");

// What a page needs for its first answer, at most, in milliseconds.
const PATIENCE = 120_000;

const IMPORTS = { imports: { "@litertjs/wasm-utils": "/npm/@litertjs/wasm-utils/dist/index.js" } };
// The scripts that all runtimes wait for are asked for at once.
const PAGE = `<!doctype html><meta charset="utf-8"><script type="importmap">${JSON.stringify(IMPORTS)}</script>
<link rel="modulepreload" href="/page/runtimes.mjs"><script type="module" src="/page/page.mjs"></script>`;

const TYPES = { ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

// --- what is served ------------------------------------------------------------------------------

// LiteRT.js refuses int8, which the engine in it takes: its table of types gets a line more.
const TABLE = "var DATATYPES = Object.freeze([";
const LINE = '{ dtype: "int8", typedArrayConstructor: Int8Array, elementType: ElementType.INT8 },';

function patched(text) {
  if (!text.includes(TABLE)) throw new Error("LiteRT.js has no table of types any more");
  return text.replace(TABLE, TABLE + LINE);
}

async function content(path) {
  if (path === "/") return Buffer.from(PAGE);
  if (path.startsWith("/patched/")) return Buffer.from(patched((await content(path.replace("/patched/", "/npm/"))).toString()));
  const route = Object.keys(routes).find((prefix) => path.startsWith(prefix));
  if (!route) throw Object.assign(new Error(`nothing is served at ${path}`), { code: "ENOENT" });
  return readFile(join(routes[route], path.slice(route.length)));
}

// As a host for static files sends it: programs are compressed, models aren't.
const compressed = new Map();

async function body(path) {
  const type = path === "/" ? "text/html" : TYPES[extname(path)];
  if (!type) return { bytes: await content(path), headers: { "content-type": "application/octet-stream" } };
  if (!compressed.has(path)) compressed.set(path, gzipSync(await content(path), { level: 9 }));
  return { bytes: compressed.get(path), headers: { "content-type": type, "content-encoding": "gzip" } };
}

let sent = [];

const server = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, "http://localhost").pathname));
  try {
    const { bytes, headers } = await body(path);
    sent.push({ path, bytes: bytes.length });
    response.writeHead(200, { ...headers, "content-length": bytes.length, "cache-control": "max-age=3600" }).end(bytes);
  } catch (error) {
    response.writeHead(error.code === "ENOENT" ? 404 : 500).end(String(error));
  }
});

// Bytes of the runtime and of the model that were sent for a page.
function transferred() {
  const sum = (wanted) => sent.reduce((all, { path, bytes }) => (wanted(path) ? all + bytes : all), 0);
  const own = (path) => path === "/" || ["/page/", "/inputs/", "/favicon.ico"].some((prefix) => path.startsWith(prefix));
  const model = (path) => ["/models/", "/artifacts/"].some((prefix) => path.startsWith(prefix));
  return { runtime_bytes: sum((path) => !own(path) && !model(path)), model_bytes: sum(model) };
}

// --- pages ---------------------------------------------------------------------------------------

const pages = new Map();

// In a context of its own, a page has its own process and no cache.
async function open({ name, job }) {
  sent = [];
  const context = await browser.newContext();
  pages.set(name, context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const complaints = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("crash", () => complaints.push("the page crashed"));
  await page.goto(`http://127.0.0.1:${server.address().port}/?job=${encodeURIComponent(JSON.stringify(job))}`);
  try {
    const first = await page.evaluate(() => globalThis.answered);
    if (!first) throw new Error("the page has no program");
    return { ...first, ...transferred() };
  } catch (error) {
    throw new Error([String(error.message ?? error), ...complaints].join("; "));
  }
}

async function close({ name }) {
  await pages.get(name).close();
  pages.delete(name);
  return {};
}

const round = ({ name, seconds }) => pages.get(name).pages()[0].evaluate((time) => globalThis.timed(time), seconds);

const about = () => ({ chromium: browser.version() });

const commands = { open, round, close, about };

await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...rest } = JSON.parse(line);
  let answer;
  try {
    answer = await commands[command](rest);
  } catch (error) {
    answer = { error: String(error.message ?? error) };
  }
  console.log(JSON.stringify(answer));
}
await browser.close();
server.close();
