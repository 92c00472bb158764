// Serves the repository to a browser, from an origin of its own and as strictly as a careful site would.
import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { extname, normalize } from "node:path";

const TYPES = { ".css": "text/css", ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".png": "image/png", ".wasm": "application/wasm" };

// No `unsafe-eval`, and nothing of another origin.
const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:";

/** A server of a folder; `pages` has what lies elsewhere, by path, and `note` is told of each request. */
export async function serve(folder, pages = {}, note = () => undefined) {
  const server = createServer(async (request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, "http://host").pathname));
    response.setHeader("content-security-policy", POLICY);
    note(request);
    try {
      const page = pages[path];
      if (page) return await page(request, response);
      const file = path.endsWith("/") ? `${path}index.html` : path;
      const bytes = await readFile(folder + file);
      response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
      response.end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "localhost", resolve));
  return { origin: `http://localhost:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) };
}
