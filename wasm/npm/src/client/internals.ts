// What tests take apart; no part of the package.

export { BrowserStore } from "./browser-store.js";
export { ARTIFACT } from "./config.js";
export { newCore, newSync } from "./core.js";
export { Driver } from "./driver.js";
export { openFiles } from "./files.js";
export { examine } from "./golden.js";
export { MemoryStore } from "./store.js";
export { Tabs } from "./tabs.js";
export { send } from "./transport.js";
export { openValues } from "./values.js";
