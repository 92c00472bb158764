// A worker or a service worker.
import { answer } from "./inside.mjs";

addEventListener("message", (event) => (event.waitUntil ? event.waitUntil(answer(event)) : answer(event)));
