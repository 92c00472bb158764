import { type Classification, type ClassifyOptions, DunlinError, type Picture, pixelsOf } from "../index.js";
import type { Change, Core, Place, StoreFailure, SyncInstance } from "../sync-glue.js";
import { BrowserStore, openStore } from "./browser-store.js";
import { conditionsOfDevice, watchConditions } from "./conditions.js";
import { bytesOf, configOf, CONSENTS, known, MODES, shippedReader } from "./config.js";
import { type Config, epsilonOf, type FleetConfig, newCore, newSync } from "./core.js";
import { countedOf } from "./counted.js";
import { CLOCK, Driver, type Host, type Input, isSame } from "./driver.js";
import type { ClientEvent, CloudAnswer, Why } from "./event.js";
import { Models, type Said } from "./models.js";
import type { ClientOptions, Consent, SummaryMode } from "./options.js";
import { type Asking, isShown, newTicket, type Outcome, questionOf, Questions } from "./questions.js";
import type { Store } from "./store.js";
import { type Message, Tabs } from "./tabs.js";
import { send } from "./transport.js";

/** What a client says of one input. */
export interface Answer extends Classification {
  /** The version of the model that said so. */
  readonly version: number;
}

/** How to ask. */
export interface AskOptions extends ClassifyOptions {
  /** Within how many milliseconds there is to be an answer, the device's if the cloud has none by then; 2,000 unless it says otherwise. */
  readonly budget?: number | undefined;
  /** Whether a person may look at what is sent. */
  readonly review?: boolean | undefined;
}

/** Whose answer stands. */
export interface Standing {
  /** The device's. It stands where `cloud` is missing. */
  readonly answer: Answer;
  /** The cloud's, which it gave in time. */
  readonly cloud?: CloudAnswer;
  /** Why the cloud has none, where it was to be asked. */
  readonly why?: Why;
  /** Under which an answer may come later, with the event `upgrade`; it does, or is said not to, once `waiting` was told. It means the same when
   * the page is opened again. */
  readonly ticket?: string;
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
  readonly #questions = new Questions(CLOCK, (event) => this.#tell(event));
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
    this.#models = new Models(sync, reader, { memoryLimit: options.memoryLimit, wasm: options.wasm }, config.fleet !== undefined);
    if (store.persistent) this.#tabs = new Tabs(options.store ?? options.model);
    this.#tabs?.onMessage((message) => this.#hear(message));
  }

  /**
   * Opens a client: what was last good answers at once.
   *
   * @throws {DunlinError} `input`, `fetch`, and what {@link Classifier.load} throws of the model that the app ships
   */
  static async open(options: ClientOptions): Promise<Client> {
    const config = configOf(options);
    const module = newSync(options.wasm, config.fleet ? "fleet" : "sync");
    const [sync, store] = await Promise.all([module, openStore(options.store ?? options.model)]);
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
    return this.#classify(await this.#shown(input), options);
  }

  async #classify(input: Picture | Float32Array | string, options: ClassifyOptions): Promise<Answer> {
    const asked = this.#models.installed;
    try {
      const said = await this.#models.classify(input, options);
      const { classification, installed, observation, broken } = said;
      this.#count(said, input);
      if (observation) {
        const { agrees, fallsBack, microseconds } = observation;
        void this.#driver?.handle((core, now) => core.observed(now, agrees, fallsBack, microseconds));
      }
      if (broken) void this.#driver?.handle((core, now) => core.broken(now, broken, false));
      return { ...classification, version: installed.version };
    } catch (cause) {
      if (cause instanceof DunlinError && cause.code === "internal" && asked) await this.#replace(asked.place);
      throw cause;
    }
  }

  /**
   * Classifies, and asks the cloud where the model's policy says so. Of an answer that `classify` gave the cloud is asked unless the policy says
   * to give it, and gets no more than its logits.
   *
   * @throws {DunlinError} `picture`, `input`, `memory`, `disposed`; never for what goes wrong in the cloud
   */
  async ask(input: Picture | Float32Array | string | Answer, options: AskOptions = {}): Promise<Standing> {
    const { budget = 2000, review = false } = options;
    const until = CLOCK.now() + budget;
    const fleet = this.#fleet("cloud");
    const isGiven = typeof input === "object" && "decision" in input;
    const shown = isGiven ? undefined : await this.#shown(input);
    const answer = isGiven ? input : await this.#classify(shown as Picture, { ...options, fallback: true });
    const { outcome, reason = "policy", index } = answer.decision;
    const payload = fleet.consent === "input" && shown !== undefined && isShown(shown) ? shown : undefined;
    const audited = outcome === "answer" && review && payload !== undefined && Math.random() * 1000 < fleet.audits;
    if ((outcome === "answer" && !audited) || (outcome === "abstain" && !isGiven)) return { answer };
    if (fleet.consent === "none") return { answer, why: "consent" };
    const about = this.#models.about(answer.version);
    if (!about && audited) return { answer };
    if (!about) throw new DunlinError("input", `version ${answer.version} answers no longer: classify again`);
    const { digest } = about;
    const labels = Array.from(answer.probabilities, (_, index) => about.labels[index] || String(index));
    const asking = { ticket: newTicket(), digest, reason, labels, index, review, features: answer.logits, input: payload };
    if (audited) {
      this.#send({ ...asking, audit: answer.decision.probability }, until);
      return { answer };
    }
    return { answer, ...(await this.#askCloud(asking, until)) };
  }

  /** The app has an `upgrade`, which needn't come again. */
  async done(ticket: string): Promise<void> {
    this.#fleet("cloud");
    if (this.#driver) return this.#driver.handle((core, now) => core.done(now, ticket));
    this.#tabs?.tell({ kind: "done", ticket });
  }

  /** How much of an input may leave the device. */
  get consent(): Consent {
    return this.#config.fleet?.consent ?? "none";
  }

  /** The user allows more to be sent, or less: what waits and needs more is removed, and what is under way isn't taken. In all tabs. */
  async setConsent(consent: Consent): Promise<void> {
    this.#fleet("cloud");
    known("consent", CONSENTS, consent);
    this.#tabs?.tell({ kind: "consent", consent });
    await this.#agreeTo(consent);
  }

  /** Whether summaries are told. */
  get summaries(): SummaryMode {
    return this.#config.fleet?.mode ?? "off";
  }

  /** The user agreed to summaries, or withdrew that: then what waits to be told is deleted. In all tabs. */
  async setSummaries(mode: SummaryMode): Promise<void> {
    this.#fleet("summaries");
    known("summaries", MODES, mode);
    this.#tabs?.tell({ kind: "mode", mode });
    await this.#setMode(mode);
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
    if (broken && !before) await this.#activateShipped();
    const after = this.#models.installed;
    if (before && after && !isSame(before, after)) this.#tell({ kind: "activated", version: after.version });
  }

  async #activateShipped(): Promise<void> {
    const broken = await this.#models.activate({ first: { place: "factory", version: this.#config.factory } }, false);
    if (broken) throw this.#models.fault;
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
    this.#tabs?.tell({ kind: "leads" });
    this.#sendAgain();
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
    globalThis.document?.addEventListener("visibilitychange", () => void (document.hidden ? driver.leave() : driver.wake()), { signal });
    globalThis.addEventListener?.("pagehide", () => void driver.leave(), { signal });
  }

  #host(): Host {
    return {
      send,
      commit: (changes) => this.#commit(changes),
      read: (place) => this.#models.reader(place).catch(() => undefined),
      trial: (trial) => this.#models.trial(trial),
      activate: (activation, patient) => this.#models.activate(activation, patient),
      notify: (event) => this.#tell(event),
      cloud: (event) => {
        this.#questions.take(event);
        this.#tabs?.tell({ kind: "cloud", event });
      },
      ...(this.#config.fleet?.summaries && { subject: () => this.#subject() }),
      conditions: async () => (await this.#options.conditions?.()) ?? conditionsOfDevice(),
    };
  }

  async #commit(changes: readonly Change[]): Promise<StoreFailure | undefined> {
    const failure = await this.#store.commit(changes);
    if (failure) return failure;
    if (this.#store instanceof BrowserStore && changes.some(({ key }) => /^(slot|outbox)\//.test(key))) await this.#store.sweep().catch(() => undefined);
    this.#tabs?.tell({ kind: "news" });
    return undefined;
  }

  /** What the app said of the cloud, or of summaries. */
  #fleet(what: "cloud" | "summaries"): FleetConfig {
    const { fleet } = this.#config;
    if (!fleet || !this.#options[what]) throw new DunlinError("input", `the client was opened without \`${what}\``);
    return fleet;
  }

  /** What is asked about, as it can be sent and counted, where it may be. */
  async #shown(input: Picture | Float32Array | string): Promise<Picture | Float32Array | string> {
    if (typeof input === "string" || input instanceof Float32Array || !this.#config.fleet) return input;
    const { channels, ...pixels } = await pixelsOf(input);
    return { ...pixels, format: FORMATS[channels] };
  }

  /** Asks by the machines, which the tab that leads has: there is one budget for all tabs, one outbox, and one rest for a server. */
  #askCloud(asking: Asking, until: number): Promise<Outcome> {
    const outcome = this.#questions.outcome(asking, until);
    this.#send(asking, until);
    return outcome;
  }

  #send(asking: Asking, until: number): void {
    if (this.#driver) this.#hand(asking, until);
    else this.#tabs?.tell({ kind: "ask", asking, until });
  }

  /** Asks once more what waits: another tab leads, or this one, and may not have heard of it. What it knows it doesn't ask twice. */
  #sendAgain(): void {
    for (const { asking, until } of this.#questions.open()) this.#send(asking, until);
  }

  /** Gives a question to the machines. */
  #hand(asking: Asking, until: number): void {
    void this.#driver?.handle((core, now) => {
      const question = questionOf(this.#sync, asking);
      if (asking.audit === undefined) core.ask(now, asking.ticket, question, Math.max(until - now, 0));
      else core.audit(now, question, asking.audit);
    });
  }

  /** Takes in what another tab tells. */
  #hear(message: Message): void {
    const driver = this.#driver;
    switch (message.kind) {
      case "news":
        return driver ? undefined : this.#followSoon();
      case "leads":
        return this.#sendAgain();
      case "ask":
        return this.#hand(message.asking, message.until);
      case "cloud":
        return this.#questions.take(message.event);
      case "done":
        return void driver?.handle((core, now) => core.done(now, message.ticket));
      case "counted":
        return this.#countHere(message);
      case "consent":
        return void this.#agreeTo(message.consent);
      case "mode":
        return void this.#setMode(message.mode);
    }
  }

  async #agreeTo(consent: Consent): Promise<void> {
    if (this.#config.fleet) this.#config.fleet.consent = consent;
    await this.#driver?.handle((core, now) => core.consent(now, consent));
  }

  async #setMode(mode: SummaryMode): Promise<void> {
    const { fleet } = this.#config;
    if (!fleet?.summaries) return;
    fleet.mode = mode;
    const { metrics } = fleet.summaries;
    await this.#driver?.handle((core, now) => core.summaries(now, epsilonOf(fleet), metrics));
  }

  /** Whose answers are counted: those of the model that answers in the tab that leads. */
  async #subject(): Promise<Input> {
    const [facts, cohort] = [this.#models.facts, this.#config.fleet?.summaries?.cohort ?? []];
    return (core, now) => core.subject(now, facts?.digest ?? new Uint8Array(32), facts?.baseline, cohort);
  }

  /** Counts an answer, if the user agreed to that. */
  #count({ classification, installed, microseconds, broken }: Said, input: Picture | Float32Array | string): void {
    const { fleet } = this.#config;
    if (!fleet?.summaries || fleet.mode === "off" || broken) return;
    const counted = { installed, numbers: countedOf(classification, input, microseconds), reason: classification.decision.reason };
    if (this.#driver) this.#countHere(counted);
    else this.#tabs?.tell({ kind: "counted", ...counted });
  }

  /** Counts an answer of the model that answers here; that of another is nobody's, as while one is on trial in this tab alone. */
  #countHere({ installed, numbers, reason }: Omit<Extract<Message, { kind: "counted" }>, "kind">): void {
    if (!isSame(installed, this.#models.installed)) return;
    void this.#driver?.handle((core, now) => core.counted(now, numbers, reason));
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
      if (driver && place !== "factory") await driver.handle((core, now) => core.broken(now, place, false));
      if (this.#models.installed) return;
      const core = driver ? driver.core : await this.#core();
      const first = core.serving();
      if (!driver) core.free();
      await this.#models.activate({ first }, false);
    }).catch(() => undefined);
  }
}

const FORMATS = { 1: "gray8", 3: "rgb8", 4: "rgba8" } as const;

/** Milliseconds until this tab tries again to lead. */
const PAUSE = 60_000;
