// Of several tabs with the same store one leads: it looks for updates, asks the cloud and commits. The others read, and tell it.

import type { Asked, Installed } from "../sync-glue.js";
import type { Consent, SummaryMode } from "./options.js";
import type { Asking } from "./questions.js";

/** What tabs tell each other. */
export type Message =
  /** The store has changed. */
  | { readonly kind: "news" }
  /** Another tab leads now. */
  | { readonly kind: "leads" }
  /** To the tab that leads: a question, and until when it waits. */
  | { readonly kind: "ask"; readonly asking: Asking; readonly until: number }
  /** From the tab that leads: what became of a question. */
  | { readonly kind: "cloud"; readonly event: Asked }
  /** To the tab that leads: the app has an answer; an answer of a model, to be counted. */
  | { readonly kind: "done"; readonly ticket: string }
  | { readonly kind: "counted"; readonly installed: Installed; readonly numbers: Float64Array; readonly reason: string | undefined }
  /** To all: what the user agreed to now. */
  | { readonly kind: "consent"; readonly consent: Consent }
  | { readonly kind: "mode"; readonly mode: SummaryMode };

/** The tabs of one origin that have a store open. */
export class Tabs {
  readonly #name: string;
  readonly #channel: BroadcastChannel;
  #isOpen = true;
  #release: () => void = () => undefined;
  /** Until this tab is done. */
  readonly #held = new Promise<void>((resolve) => (this.#release = resolve));

  constructor(name: string) {
    this.#name = `dunlin/${name}`;
    this.#channel = new BroadcastChannel(this.#name);
  }

  /** Whether this tab leads, from now until it is closed, since no other does. */
  leadsNow(): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const hold = (lock: Lock | null): Promise<void> | undefined => {
        resolve(lock !== null);
        return lock ? this.#held : undefined;
      };
      navigator.locks.request(this.#name, { ifAvailable: true }, hold).catch(reject);
    });
  }

  /** Waits until this tab leads; false when that was given up before. */
  leadsLater(signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const hold = (): Promise<void> => {
        resolve(true);
        return this.#held;
      };
      navigator.locks.request(this.#name, { signal }, hold).catch(() => resolve(false));
    });
  }

  /** Tells the other tabs. */
  tell(message: Message): void {
    if (this.#isOpen) this.#channel.postMessage(message);
  }

  /** Calls with what other tabs tell. */
  onMessage(call: (message: Message) => void): void {
    this.#channel.addEventListener("message", ({ data }) => call(data as Message));
  }

  /** Lets another tab lead. */
  close(): void {
    this.#isOpen = false;
    this.#release();
    this.#channel.close();
  }
}
