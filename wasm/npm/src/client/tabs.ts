// Of several tabs with the same store one leads: it looks for updates and commits. The others read.

/** The tabs of one origin that have a store open. */
export class Tabs {
  readonly #name: string;
  readonly #channel: BroadcastChannel;
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

  /** Tells the other tabs that the store has changed. */
  tell(): void {
    this.#channel.postMessage(null);
  }

  /** Calls when another tab has told so. */
  onNews(call: () => void): void {
    this.#channel.addEventListener("message", call);
  }

  /** Lets another tab lead. */
  close(): void {
    this.#release();
    this.#channel.close();
  }
}
