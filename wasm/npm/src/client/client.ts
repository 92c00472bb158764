import { type Classification, type ClassifyOptions, DunlinError, type Picture } from "../index.js";
import type { Change, Core, Place, StoreFailure, SyncInstance } from "../sync-glue.js";
import { BrowserStore, openStore } from "./browser-store.js";
import { conditionsOfDevice, watchConditions } from "./conditions.js";
import { bytesOf, configOf, shippedReader } from "./config.js";
import { type Config, newCore, newSync } from "./core.js";
import { CLOCK, Driver, type Host, isSame } from "./driver.js";
import type { ClientEvent } from "./event.js";
import { Models } from "./models.js";
import type { ClientOptions } from "./options.js";
import type { Store } from "./store.js";
import { Tabs } from "./tabs.js";
import { send } from "./transport.js";

/** What a client says of one input. */
export interface Answer extends Classification {
  /** The version of the model that said so. */
  readonly version: number;
}

/**
 * A classifier that keeps itself up to date: looks for signed updates, tries them, keeps them or takes them back. Of several tabs one does
 * so, and the others follow.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #config: Config;
  readonly #sync: SyncInstance;
  readonly #store: Store;
  readonly #models: Models;
  readonly #tabs: Tabs | undefined;
  readonly #closed = new AbortController();
  #driver: Driver | undefined;
  #expires: number | undefined;
  /** Whether the last look got no answer. */
  #unreachable = false;
  /** Whether the tab that leads has told something that wasn't looked at. */
  #hasNews = false;
  /** What this tab does about its models, one thing after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(options: ClientOptions, config: Config, sync: SyncInstance, store: Store) {
    this.#options = options;
    this.#config = config;
    this.#sync = sync;
    this.#store = store;
    const shipped = shippedReader(options.shipped.source);
    const reader = (place: Place): Promise<Uint8Array<ArrayBuffer> | undefined> => (place === "factory" ? shipped() : store.read(`slot/${place}`));
    this.#models = new Models(sync, reader, { memoryLimit: options.memoryLimit, wasm: options.wasm });
    if (store.persistent) this.#tabs = new Tabs(options.store ?? options.model);
  }

  /**
   * Opens a client: what was last good answers at once.
   *
   * @throws {DunlinError} `input`, `fetch`, and what {@link Classifier.load} throws of the model that the app ships
   */
  static async open(options: ClientOptions): Promise<Client> {
    const config = configOf(options);
    const [sync, store] = await Promise.all([newSync(options.wasm), openStore(options.store ?? options.model)]);
    const client = new Client(options, config, sync, store);
    try {
      await client.#begin();
      return client;
    } catch (cause) {
      client.dispose();
      throw cause;
    }
  }

  /** The version of the model that answers. */
  get version(): number {
    return this.#models.installed?.version ?? this.#config.factory;
  }

  /** Whether updates outlive the page. They don't in windows that are private, or not secure: then each begins with what the app ships. */
  get isPersistent(): boolean {
    return this.#store.persistent;
  }

  /** Whether this tab looks for updates; otherwise another does, or this one was disposed of. */
  get isLeading(): boolean {
    return this.#driver !== undefined;
  }

  /** Whether what was last seen of the repository counts no longer. The model answers on; an app that thinks otherwise says so with `stale`. */
  get isStale(): boolean {
    return this.#expires !== undefined && this.#expires <= CLOCK.now();
  }

  /**
   * Classifies, as {@link Classifier.classify} does. While a model is on trial the one before is asked as well, and takes its time.
   *
   * @throws {DunlinError} `picture`, `input`, `memory`, `disposed`
   */
  async classify(input: Picture | Float32Array | string, options: ClassifyOptions = {}): Promise<Answer> {
    const asked = this.#models.installed;
    try {
      const { classification, version, observation, broken } = await this.#models.classify(input, options);
      if (observation) {
        const { agrees, fallsBack, microseconds } = observation;
        void this.#driver?.handle((core, now) => core.observed(now, agrees, fallsBack, microseconds));
      }
      if (broken) void this.#driver?.handle((core, now) => core.broken(now, broken));
      return { ...classification, version };
    } catch (cause) {
      if (cause instanceof DunlinError && cause.code === "internal" && asked) await this.#replace(asked.place);
      throw cause;
    }
  }

  /** Looks for updates now, rather than when it is time. Does nothing in a tab that follows another. */
  async check(): Promise<void> {
    await this.#driver?.handle((core, now) => core.check(now));
  }

  /** Asks for the device's conditions anew, since they changed. */
  async conditionsChanged(): Promise<void> {
    await this.#driver?.wake();
  }

  /** Gives memory and locks back, so that another tab looks for updates. Calls under way end as they would; later ones throw `disposed`. */
  dispose(): void {
    this.#closed.abort();
    this.#models.dispose();
    const ended = this.#driver?.end();
    this.#driver = undefined;
    void Promise.resolve(ended).then(() => {
      this.#tabs?.close();
      this.#store.close();
    });
  }

  /** As {@link dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async #begin(): Promise<void> {
    if (!this.#tabs) return this.#lead();
    // A hint, which the browser may ask its user about; without it, what is kept may be emptied when room is short.
    void navigator.storage.persist?.().catch(() => undefined);
    if (await this.#tabs.leadsNow()) return this.#lead();
    await this.#follow();
    this.#tabs.onNews(() => this.#followSoon());
    void this.#tabs.leadsLater(this.#closed.signal).then((leads) => (leads ? this.#takeOver() : undefined));
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #core(): Promise<Core> {
    return newCore(this.#sync, this.#config, bytesOf(this.#options.root), await this.#store.stored(), CLOCK.now());
  }

  /** Follows once for all news that come until it does. */
  #followSoon(): void {
    if (this.#hasNews) return;
    this.#hasNews = true;
    const follow = (): Promise<void> => {
      this.#hasNews = false;
      return this.#follow();
    };
    // What can't be read or loaded now may be at the next news.
    void this.#inTurn(follow).catch(() => undefined);
  }

  /** Loads the model that answers by what the tab that leads has stored. */
  async #follow(): Promise<void> {
    if (this.#closed.signal.aborted || this.#driver) return;
    const core = await this.#core();
    this.#expires = core.expires();
    const before = this.#models.installed;
    const first = core.serving();
    core.free();
    if (before && isSame(first, before)) return;
    const broken = await this.#models.activate({ first }, false);
    // A file that is gone already: the tab that leads will say what there is instead.
    if (broken !== undefined && !before) await this.#activateShipped();
    const after = this.#models.installed;
    if (before && after && !isSame(before, after)) this.#tell({ kind: "activated", version: after.version });
  }

  async #activateShipped(): Promise<void> {
    const broken = await this.#models.activate({ first: { place: "factory", version: this.#config.factory } }, false);
    if (broken !== undefined) throw this.#models.fault;
  }

  /** Looks for updates from now on. */
  async #lead(): Promise<void> {
    if (this.#closed.signal.aborted) return;
    if (this.#store instanceof BrowserStore) await this.#store.sweep().catch(() => undefined);
    const driver = new Driver(await this.#core(), this.#host());
    if (!(await driver.serve())) throw this.#models.fault;
    if (this.#closed.signal.aborted) return driver.end();
    this.#driver = driver;
    this.#expires = driver.core.expires();
    this.#watch(driver);
    void driver.wake();
  }

  /** Leads after another tab. While the runtime can't be had, the model that was loaded answers. */
  async #takeOver(): Promise<void> {
    while (!this.#closed.signal.aborted && !this.#driver) {
      const led = await this.#inTurn(() => this.#lead()).then(() => true, () => false);
      if (!led) await new Promise<void>((resolve) => CLOCK.after(PAUSE, resolve));
    }
  }

  /** Wakes the machines when what they wait for may have come. */
  #watch(driver: Driver): void {
    const { signal } = this.#closed;
    const wake = (): void => void driver.wake();
    if (!this.#options.conditions) watchConditions(wake, signal);
    const look = (): void => void (this.#unreachable ? this.check() : driver.wake());
    globalThis.addEventListener?.("online", look, { signal });
    // Timers of a page that nobody sees may sleep.
    globalThis.document?.addEventListener("visibilitychange", wake, { signal });
  }

  #host(): Host {
    return {
      send,
      commit: (changes) => this.#commit(changes),
      read: (place) => this.#models.reader(place).catch(() => undefined),
      trial: (trial) => this.#models.trial(trial),
      activate: (activation, patient) => this.#models.activate(activation, patient),
      notify: (event) => this.#tell(event),
      conditions: async () => (await this.#options.conditions?.()) ?? conditionsOfDevice(),
    };
  }

  async #commit(changes: readonly Change[]): Promise<StoreFailure | undefined> {
    const failure = await this.#store.commit(changes);
    if (failure) return failure;
    if (this.#store instanceof BrowserStore && changes.some(({ key }) => key.startsWith("slot/"))) await this.#store.sweep().catch(() => undefined);
    this.#tabs?.tell();
    return undefined;
  }

  #tell(event: ClientEvent): void {
    this.#expires = this.#driver?.core.expires() ?? this.#expires;
    this.#unreachable = event.kind === "failed" && (event.fault === "network" || event.fault === "timeout");
    try {
      this.#options.onEvent?.(event);
    } catch (cause) {
      // The app's own fault, which is to be seen and not to stop updates.
      queueMicrotask(() => {
        throw cause;
      });
    }
  }

  /** Loads a model anew that a trap has ended, or has the machines take it back. */
  async #replace(place: Place): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#models.installed?.place !== place || this.#closed.signal.aborted) return;
      this.#models.drop(place);
      const driver = this.#driver;
      if (driver && place !== "factory") await driver.handle((core, now) => core.broken(now, place));
      if (this.#models.installed) return;
      const core = driver ? driver.core : await this.#core();
      const first = core.serving();
      if (!driver) core.free();
      await this.#models.activate({ first }, false);
    }).catch(() => undefined);
  }
}

/** Milliseconds until this tab tries again to lead. */
const PAUSE = 60_000;
