// What the built page does, in Chromium: `npm test` after `npm run build`.

import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { answered, DEMO, launch, REPOSITORY, serve, shoot } from "./browser.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const CAT = join(REPOSITORY, "models/pictures/chelsea.png");
const HORSE = join(REPOSITORY, "models/pictures/horse.png");
const MODEL = readFileSync(join(REPOSITORY, "models/cifar10/cifar10.dunlin"));
const VECTORS = join(REPOSITORY, "docs/formats/vectors");
const CONFORMANCE = JSON.parse(readFileSync(join(REPOSITORY, "mobile/conformance/vectors.json"), "utf8"));
const NOTES = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };

let browser, server;

before(async () => {
  [browser, server] = await Promise.all([launch(), serve()]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** Opens the page and lets `act` use it. Nothing may go wrong that the page doesn't tell, and nothing may be fetched elsewhere. */
async function opened(options, act, { in: where = browser, from = server, tolerated = /^$/, prepare, label = "cat" } = {}) {
  const context = await where.newContext(options);
  const wrong = [];
  context.on("weberror", (error) => wrong.push(String(error.error())));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !tolerated.test(message.text())) wrong.push(message.text());
  });
  context.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(from.address) && !url.startsWith("blob:")) wrong.push(`request: ${url}`);
  });
  try {
    await prepare?.(context);
    const page = await context.newPage();
    // While nobody listens, the browser would open a window for files.
    page.on("filechooser", () => undefined);
    await page.goto(from.address);
    if (label) await answered(page, label);
    await act(page, context);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}

const text = (page, selector) => page.locator(selector).innerText();
const problem = async (page) => {
  await page.locator("#problem").waitFor();
  return text(page, "#problem-text");
};
const captions = (page) => page.locator("#strip button").allInnerTexts();

/** Files as the page would get them from elsewhere. */
function transferOf(page, files) {
  const plain = files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString("base64") }));
  return page.evaluateHandle((list) => {
    const transfer = new DataTransfer();
    for (const { name, mimeType, base64 } of list) {
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { type: mimeType }));
    }
    return transfer;
  }, plain);
}

const asFile = (path, name, mimeType = "image/png") => ({ name, mimeType, buffer: readFileSync(path) });

test("opens with an answer, its timings and what computed it", () =>
  opened({}, async (page) => {
    assert.match(await text(page, "#headline .percent"), /^9\d\.\d%$/);
    assert.equal(await text(page, "#decision"), "Decision: answer");
    assert.equal(await text(page, "#model-name"), "cifar10");
    assert.equal(await text(page, "#model-size"), "279 kB");
    assert.match(await text(page, "#model-kernels"), /^(wasm_relaxed_simd|wasm_simd128|reference)$/);
    assert.match(await text(page, "#model-labels"), /^airplane, automobile, .*, truck$/);
    for (const id of ["load", "first", "warm"]) assert.match(await text(page, `#time-${id}`), /^[\d.]+ m?s$/);
    assert.match(await text(page, "#time-warm-what"), /^median of \d+$/);
    assert.equal(page.workers().length, 1, "computes in a worker");
    await page.click("summary");
    const steps = await page.locator("#steps tr").count();
    assert.equal(await text(page, "summary"), `How it computes in ${steps} steps`);
    assert.match(await text(page, "#steps tr:first-child .kernel"), /^conv_qu8_qc8w\/\w+\/\w+$/);
  }));

test("a click on a picture shows what the model says of it", () =>
  opened({}, async (page) => {
    await page.click("text=horse.png");
    await answered(page, "horse");
    assert.equal(await page.getAttribute("#shown", "alt"), "The silhouette of a horse");
    assert.equal(await page.getAttribute("#strip button[aria-current]", "aria-current"), "true");
    assert.match((await captions(page)).join(), /chelsea\.png\s+cat 9.*horse\.png\s+horse \d/s);
    assert.match(await text(page, "#spoken"), /^horse, [\d.]+%: horse\.png$/);
  }));

test("says of its pictures what every other language says", () =>
  opened({}, async (page) => {
    for (const name of ["chelsea", "horse"]) {
      const { expected } = CONFORMANCE.cases.find((vector) => vector.name === `${name}_rgba8`);
      await page.click(`text=${name}.png`);
      await answered(page, expected.classes[0].label);
      assert.deepEqual(await page.locator("#classes .label").allInnerTexts(), expected.classes.map(({ label }) => label));
      const bytes = Buffer.from(expected.probabilities, "hex");
      const shown = await page.locator("#classes .percent").allInnerTexts();
      expected.classes.forEach(({ index }, place) => {
        const probability = bytes.readFloatLE(4 * index);
        assert.equal(shown[place], probability < 0.0005 ? "<0.1%" : `${(100 * probability).toFixed(1)}%`);
      });
    }
  }));

test("as many bars as are wanted, as long as probable", () =>
  opened({}, async (page) => {
    for (const count of ["3", "10", "5"]) {
      await page.selectOption("#top-k", count);
      assert.equal(await page.locator("#classes li").count(), Number(count));
    }
    const widths = await page.locator("#classes .fill").evaluateAll((bars) => bars.map((bar) => parseFloat(bar.style.inlineSize)));
    const shown = await page.locator("#classes .percent").allInnerTexts();
    assert.ok(Math.abs(widths[0] - parseFloat(shown[0])) < 0.06, `${widths[0]} and ${shown[0]}`);
    assert.deepEqual(widths, [...widths].sort((a, b) => b - a));
  }));

test("several files are chosen at once, and the first is shown", () =>
  opened({}, async (page) => {
    const chooser = page.waitForEvent("filechooser");
    await page.click("#choose");
    await (await chooser).setFiles([asFile(HORSE, "pony.png"), asFile(CAT, "tom.png")]);
    await answered(page, "horse");
    assert.match((await captions(page)).join("\n"), /tom\.png\s+cat[^]*pony\.png\s+horse[^]*chelsea\.png/);
    assert.equal(await page.getAttribute("#shown", "alt"), "pony.png");
  }));

test("a dropped picture is taken", () =>
  opened({}, async (page) => {
    const dataTransfer = await transferOf(page, [asFile(HORSE, "dropped.png")]);
    await page.dispatchEvent("h1", "dragover", { dataTransfer });
    assert.equal(await page.locator(".drop").evaluate((hint) => hint.matches(".dragging *")), true);
    await page.dispatchEvent("h1", "drop", { dataTransfer });
    await answered(page, "horse");
    assert.match((await captions(page))[0], /dropped\.png\s+horse/);
  }));

test("a pasted picture is taken, and words are not", () =>
  opened({}, async (page) => {
    const paste = (clipboardData) =>
      page.evaluate((data) => document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true })), clipboardData);
    await paste(await transferOf(page, [asFile(HORSE, "pasted.png")]));
    await answered(page, "horse");
    await paste(await transferOf(page, []));
    assert.equal(await problem(page), "There was no file in that: save the picture first, then choose or drop its file.");
  }));

test("files that are no pictures are told in one sentence, and the answer stays", () =>
  opened({}, async (page) => {
    await page.setInputFiles("#choose-files", NOTES);
    assert.equal(await problem(page), "“notes.txt” is no picture that this browser can read: choose a JPEG, PNG or WebP file.");
    assert.equal(await text(page, "#headline .label"), "cat");
    await page.setInputFiles("#choose-files", [NOTES, { ...NOTES, name: "more.txt" }, asFile(HORSE, "pony.png")]);
    await answered(page, "horse");
    assert.equal(await problem(page), "“notes.txt” and “more.txt” aren't pictures that this browser can read: choose JPEG, PNG or WebP files.");
    await page.click("#problem-close");
    assert.equal(await page.locator("#problem").isVisible(), false);
    assert.equal((await captions(page)).length, 3);
  }));

test("a broken model is told, and the one before goes on", () =>
  opened({}, async (page) => {
    const broken = "is no intact model: get the file again, or compile it anew with “dunlin compile”.";
    const cases = [
      ["cut.dunlin", MODEL.subarray(0, MODEL.length / 2), broken],
      ["words.dunlin", Buffer.from("words"), broken],
      ["new.dunlin", newer(MODEL), "was made for another version of Dunlin: compile it again with the version that this page has."],
    ];
    for (const [name, buffer, sentence] of cases) {
      await page.setInputFiles("#load-model-file", { name, mimeType: "", buffer });
      await page.getByText(`“${name}” ${sentence}`, { exact: true }).waitFor();
      assert.equal(await text(page, "#model-name"), "cifar10");
    }
    await page.click("text=horse.png");
    await answered(page, "horse");
  }));

/** The artifact as one of the next version of the format. */
function newer(artifact) {
  const changed = Buffer.from(artifact);
  changed.writeUInt32LE(changed.readUInt32LE(8) + 1, 8);
  return changed;
}

test("where no model arrives, the page says what to do, and takes another one", () =>
  opened(
    {},
    async (page) => {
      const sentence = "The model didn't arrive: check the connection, then reload the page.";
      assert.equal(await problem(page), sentence);
      await page.setInputFiles("#choose-files", asFile(HORSE, "pony.png"));
      await page.click("text=horse.png");
      await page.click("#webcam");
      assert.equal(await problem(page), sentence);
      await page.setInputFiles("#load-model-file", { name: "mine.dunlin", mimeType: "", buffer: MODEL });
      await answered(page, "horse");
      assert.equal(await page.locator("#problem").isVisible(), false);
    },
    { label: "", prepare: (context) => context.route("**/*.dunlin", (route) => route.abort()), tolerated: /ERR_FAILED|service worker/i },
  ));

test("one's own model takes the first one's place, and gives it back", () =>
  opened({}, async (page) => {
    await page.click("text=horse.png");
    await answered(page, "horse");
    const chooser = page.waitForEvent("filechooser");
    await page.click("#load-model");
    await (await chooser).setFiles({ name: "mine.dunlin", mimeType: "", buffer: MODEL });
    await page.getByText("mine.dunlin").waitFor();
    await answered(page, "horse");
    assert.equal(await text(page, "#time-first-what"), "since the model was chosen");
    assert.match((await captions(page)).join(), /cat 9/, "answers anew about what was answered before");
    const dataTransfer = await transferOf(page, [asFile(join(VECTORS, "good_float.dunlin"), "tensors", "")]);
    await page.dispatchEvent("body", "drop", { dataTransfer });
    assert.equal(await problem(page), "This model takes no pictures: load one that does.");
    assert.equal(await text(page, "#model-name"), "tensors");
    assert.equal(await text(page, "#headline"), "");
    await page.click("#shipped");
    await answered(page, "horse");
    assert.equal(await text(page, "#model-name"), "cifar10");
    assert.equal(await page.locator("#shipped").isVisible(), false);
    assert.equal(await page.locator("#problem").isVisible(), false);
  }));

test("after the first visit no network is needed", async () => {
  const own = await serve();
  await opened(
    {},
    async (page, context) => {
      await page.getByText("Works offline").waitFor();
      await context.setOffline(true);
      await own.close();
      await page.reload();
      await answered(page, "cat");
      await page.click("text=horse.png");
      await answered(page, "horse");
      await page.setInputFiles("#choose-files", asFile(CAT, "own.png"));
      await answered(page, "cat");
      await page.getByText("Works offline").waitFor();
    },
    // The browser itself says that it couldn't look for a new version.
    { from: own, tolerated: /service-worker\.js|ERR_INTERNET_DISCONNECTED/ },
  );
});

test("a new version is offered, and taken when wanted", async () => {
  const folder = mkdtempSync(join(tmpdir(), "dunlin-demo-"));
  cpSync(join(DEMO, "dist"), folder, { recursive: true });
  const own = await serve(folder);
  try {
    await opened(
      {},
      async (page) => {
        await page.getByText("Works offline").waitFor();
        appendFileSync(join(folder, "service-worker.js"), "\n// Another version.\n");
        await page.reload();
        await page.getByText("A new version of this page is here.").waitFor();
        const loaded = page.waitForEvent("load");
        await page.click("#update-now");
        await loaded;
        await answered(page, "cat");
        await page.getByText("Works offline").waitFor();
        assert.equal(await page.locator("#update").isVisible(), false);
      },
      { from: own },
    );
  } finally {
    await own.close();
    rmSync(folder, { recursive: true });
  }
});

test("everything is done with the keyboard", () =>
  opened({}, async (page) => {
    const reached = [];
    const tabTo = async (name) => {
      for (let i = 0; i < 20; i += 1) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => {
          const { activeElement: at } = document;
          return { name: at.id || at.textContent.trim(), ring: at.matches(":focus-visible") && getComputedStyle(at).outlineStyle !== "none" };
        });
        reached.push(focused.name);
        if (focused.name.includes(name)) return assert.ok(focused.ring, `${name} shows that it has the focus`);
      }
      assert.fail(`Tab doesn't reach ${name}, but ${reached}`);
    };
    await tabTo("To the answer");
    await page.keyboard.press("Enter");
    await tabTo("top-k");
    await page.keyboard.press("Shift+Tab");
    await page.evaluate(() => document.activeElement.blur());
    await page.locator("h1").click();
    await tabTo("horse.png");
    await page.keyboard.press("Enter");
    await answered(page, "horse");
    for (const [name, key] of [["choose", "Enter"], ["load-model", "Space"]]) {
      await tabTo(name);
      const chooser = page.waitForEvent("filechooser");
      await page.keyboard.press(key);
      await (await chooser).setFiles([]);
      if (name === "choose") {
        await tabTo("webcam");
        await tabTo("top-k");
        await page.keyboard.press("ArrowUp");
        assert.equal(await page.locator("#classes li").count(), 3);
      }
    }
    await tabTo("How it computes");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("table").isVisible(), true);
    await page.keyboard.press("Tab");
    const scrolled = () => page.locator(".scroll").evaluate((region) => region.scrollTop);
    await page.keyboard.press("End");
    await page.waitForFunction(() => document.querySelector(".scroll").scrollTop > 0);
    assert.ok((await scrolled()) > 0);
  }));

test("the webcam's frames are answered until it is stopped", async () => {
  const withCamera = await launch("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream");
  try {
    await opened(
      { permissions: ["camera"] },
      async (page) => {
        await page.click("#webcam");
        await page.locator("#camera").waitFor();
        await page.getByText("median of 15 webcam frames").waitFor();
        assert.equal(await page.getAttribute("#webcam", "aria-pressed"), "true");
        assert.match(await text(page, "#spoken"), /^\w+: webcam$/);
        assert.equal(await page.locator("#classes li").count(), 5);
        assert.equal(await page.locator("#strip [aria-current]").count(), 0);
        await shoot(page, "webcam");
        await page.setInputFiles("#load-model-file", { name: "mine.dunlin", mimeType: "", buffer: MODEL });
        await page.getByText("since the model was chosen").waitFor();
        await page.locator("#time-first", { hasText: /\d m?s$/ }).waitFor();
        assert.equal(await page.locator("#camera").isVisible(), true, "goes on with another model");
        await page.getByText("Stop the webcam").click();
        await answered(page, "cat");
        assert.equal(await page.locator("#camera").isVisible(), false);
        assert.equal(await page.locator("#camera").evaluate((video) => video.srcObject), null);
        await page.click("#webcam");
        await page.locator("#camera").waitFor();
        await page.click("text=horse.png");
        await answered(page, "horse");
        assert.equal(await text(page, "#webcam"), "Use the webcam");
      },
      { in: withCamera },
    );
  } finally {
    await withCamera.close();
  }
});

test("without a webcam, or where it may not be used, the page says what to do", async () => {
  await opened({ permissions: ["camera"] }, async (page) => {
    await page.click("#webcam");
    assert.equal(await problem(page), "There is no webcam here: connect one, or choose a picture.");
    assert.equal(await text(page, "#webcam"), "Use the webcam");
  });
  const withCamera = await launch("--use-fake-device-for-media-stream", "--deny-permission-prompts");
  try {
    await opened(
      {},
      async (page) => {
        await page.click("#webcam");
        assert.equal(await problem(page), "The webcam is blocked for this page: allow it in the browser's settings for this site, then try again.");
      },
      { in: withCamera },
    );
  } finally {
    await withCamera.close();
  }
});

test("the policy keeps scripts and connections of others out", () =>
  opened(
    {},
    async (page) => {
      const response = await page.reload();
      await answered(page, "cat");
      const stated = await page.getAttribute('meta[http-equiv="Content-Security-Policy"]', "content");
      assert.ok(response.headers()["content-security-policy"].startsWith(stated));
      assert.doesNotMatch(stated, /unsafe-inline|'unsafe-eval'|\*/);
      // Later, because the debugger may evaluate what the page may not.
      const evaluated = await page.evaluate(
        () => new Promise((resolve) => setTimeout(() => {
          try {
            resolve(new Function("return 'evaluated'")());
          } catch (error) {
            resolve(error.name);
          }
        })),
      );
      assert.equal(evaluated, "EvalError");
      assert.equal(await page.evaluate(() => fetch("https://example.org/").catch((error) => error.name)), "TypeError");
      assert.equal(await page.locator("[style]:not(.fill)").count(), 0);
    },
    { tolerated: /Content Security Policy|violates the/ },
  ));

test("can be installed", () =>
  opened({}, async (page, context) => {
    const devtools = await context.newCDPSession(page);
    const { errors, data } = await devtools.send("Page.getAppManifest");
    assert.deepEqual(errors, []);
    assert.equal(JSON.parse(data).display, "standalone");
    await page.getByText("Works offline").waitFor();
    const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
    // Contexts of a test are private windows, from which nothing is installed.
    assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []);
  }));

for (const colorScheme of ["light", "dark"]) {
  for (const [width, height] of [[1200, 900], [320, 640]]) {
    test(`${colorScheme}, ${width} wide: nothing is cut off, and axe finds nothing`, () =>
      opened({ colorScheme, viewport: { width, height }, reducedMotion: "reduce" }, async (page) => {
        const name = `${colorScheme}-${width}`;
        await shoot(page, name);
        await page.setInputFiles("#choose-files", NOTES);
        await problem(page);
        await page.click("summary");
        await shoot(page, `${name}-problem`);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0);
        assert.equal(await page.locator(".fill").first().evaluate((bar) => getComputedStyle(bar).transitionProperty), "none");
        await page.evaluate(AXE);
        const { violations } = await page.evaluate(() => axe.run());
        assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      }));
  }
}
