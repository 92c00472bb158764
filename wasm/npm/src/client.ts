/// <reference lib="esnext.disposable" preserve="true" />

export { Client } from "./client/client.js";
export type { Answer } from "./client/client.js";
export type { Conditions } from "./client/conditions.js";
export type { ClientEvent, Fault, RollbackReason } from "./client/event.js";
export type { ClientOptions, Floor, When } from "./client/options.js";
