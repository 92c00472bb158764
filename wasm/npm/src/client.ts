/// <reference lib="esnext.disposable" preserve="true" />

export { Client } from "./client/client.js";
export type { Answer, AskOptions, Standing } from "./client/client.js";
export type { Conditions } from "./client/conditions.js";
export type { ClientEvent, CloudAnswer, Fault, RollbackReason, Why } from "./client/event.js";
export type { ClientOptions, Cloud, CloudServer, Consent, Floor, Summaries, SummaryMode, When } from "./client/options.js";
