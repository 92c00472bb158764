import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

/** All that the page may do. It stands in the page; a server should send it as a header too, which holds for workers. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "img-src 'self' blob:",
  "style-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

const HEADERS = {
  "Content-Security-Policy": `${POLICY}; frame-ancestors 'none'`,
  "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
  "Referrer-Policy": "no-referrer",
  "X-Content-Type-Options": "nosniff",
};

/** Not under the development server, whose scripts write styles into the page. */
function policy(): Plugin {
  return {
    name: "policy",
    apply: "build",
    transformIndexHtml: () => [
      { tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content: POLICY }, injectTo: "head-prepend" },
      { tag: "meta", attrs: { name: "referrer", content: "no-referrer" }, injectTo: "head-prepend" },
    ],
  };
}

/** Writes into the service worker which files there are, and a digest of them all. */
function offline(): Plugin {
  let folder = "";
  return {
    name: "offline",
    apply: "build",
    configResolved: ({ root, build }) => void (folder = join(root, build.outDir)),
    async closeBundle() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
      const script = join(folder, "service-worker.js");
      const digest = createHash("sha256");
      const files: string[] = [];
      for (const path of paths.sort()) {
        const name = path.slice(folder.length + 1).replaceAll("\\", "/");
        digest.update(`${name}\0`).update(await readFile(path));
        if (path !== script) files.push(name === "index.html" ? "./" : name);
      }
      const code = await readFile(script, "utf8");
      const values = { __FILES__: files, __DIGEST__: digest.digest("hex").slice(0, 16) };
      let written = code;
      for (const [name, value] of Object.entries(values)) {
        if (written.split(name).length !== 2) throw new Error(`${script} should have ${name} once`);
        written = written.replace(name, () => JSON.stringify(value));
      }
      await writeFile(script, written);
    },
  };
}

export default defineConfig({
  // Wherever the page is put.
  base: "./",
  plugins: [policy(), offline()],
  worker: { format: "es" },
  // Models and pictures lie outside of this folder.
  server: { fs: { allow: ["../.."] } },
  preview: { headers: HEADERS },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { page: "index.html", "service-worker": "src/threads/service-worker.ts" },
      output: { entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js") },
    },
  },
});
