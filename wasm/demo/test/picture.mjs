// Takes the picture of the page that the documents show: `npm run picture` after `npm run build`.

import { join } from "node:path";
import { answered, launch, REPOSITORY, serve } from "./browser.mjs";

const [browser, server] = await Promise.all([launch(), serve()]);
const page = await browser.newPage({ colorScheme: "light", viewport: { width: 1000, height: 720 }, reducedMotion: "reduce" });
await page.goto(server.address);
await answered(page, "cat");
await page.getByText("Works offline").waitFor();
await page.click("text=horse.png");
await answered(page, "horse");
await page.screenshot({ path: join(REPOSITORY, "docs/pictures/demo.png"), animations: "disabled" });
await browser.close();
await server.close();
