// Makes docs/pictures/server.png: a window of drift in a fleet of tens of thousands. `npm run picture`

import { join } from "node:path";
import { MODELS, clouds, publish, summaries } from "./fleet.mjs";
import { opened, ready } from "./page.mjs";
import { REPOSITORY, folder, launch, remove, start } from "./server.mjs";

/** How many times as many devices as the tests have. */
const SCALE = 12;

const data = folder();
clouds(data);
const [browser, server] = await Promise.all([launch(), start(data)]);
try {
  await publish(server, server.tokens, data);
  await summaries(server, server.tokens, SCALE);
  await opened(browser, server, server.tokens.reviewer, `#/drift/${MODELS[1]}/length_log2?cohort=locale:de`, async (page) => {
    await ready(page, "Drift");
    await page.locator("svg").first().waitFor();
    await page.screenshot({ path: join(REPOSITORY, "docs/pictures/server.png"), fullPage: true, animations: "disabled" });
  }, { context: { viewport: { width: 1240, height: 900 } } });
} finally {
  await browser.close();
  await server.stop();
  remove(data);
}
