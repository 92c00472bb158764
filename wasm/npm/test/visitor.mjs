// What a page of the tests does with a client; runs in the page.
import { Client } from "/wasm/npm/dist/client.js";

/** Opens a client that keeps what it was told. */
export async function open(options) {
  const events = [];
  const waiting = new Set();
  const onEvent = (event) => {
    events.push(event);
    for (const look of waiting) look();
  };
  const client = await Client.open({ when: { metered: true }, onEvent, ...options });
  /** Waits for an event of a kind, which may have come already. */
  const event = (kind) =>
    new Promise((resolve) => {
      const look = () => {
        const found = events.find((event) => event.kind === kind);
        if (!found) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  return { client, events, event };
}

export const GREY = { data: new Uint8Array(32 * 32 * 3).fill(128), width: 32, height: 32, format: "rgb8" };

/** A picture of some seed. */
export const picture = (seed) => ({ ...GREY, data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => (seed * 97 + i * 7 + i * i * 3) % 251) });
