// A device in simulated time: a driver on some store, models that are texts, a server that is a map; runs in a page.
import { Driver, newCore, newSync } from "../dist/internals.js";

export const DAY = 86_400_000;
export const START = 20_000 * DAY;

const sync = newSync(undefined);

const tick = () =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => (port1.close(), resolve());
    port2.postMessage(null);
  });

const config = {
  model: "m",
  factory: 1,
  repository: "https://models.example/repository",
  timestamp: 0,
  snapshot: 0,
  targets: 0,
  cohorts: [],
  runtime: 1,
  interval: DAY,
  metered: false,
  charging: false,
  bytesPerDay: 1 << 28,
};

/** A program that runs on a device. */
export class Device {
  sent = [];
  events = [];
  /** All that was done, in its order. */
  log = [];
  /** When the machines wanted to be woken, and when they were. */
  named = [];
  woken = [];
  /** Why requests weren't answered, as the machines were told. */
  failures = [];
  active;
  /** What the models say that answer. */
  texts = [];
  #timers = new Set();
  #activity = 0;
  #underway = 0;

  /** Starts the program; `hands` are what differs from others: `answers`, `instead`, `conditions`, `onTrial`. */
  static async start(store, repository, hands = {}, now = START) {
    const device = new Device();
    Object.assign(device, { store, repository, now, answers: true, conditions: { metered: false, charging: true }, factory: hands.factory }, hands);
    const core = newCore(await sync, config, repository.root, await store.stored(), now, new Uint8Array(32).fill(7));
    device.driver = new Driver(device.#seen(core), device.#host(), { now: () => device.now, after: (pause, call) => device.#after(pause, call) });
    if (!(await device.driver.serve())) throw new Error("it doesn't answer");
    void device.driver.wake();
    await device.settle();
    return device;
  }

  /** When something happens by itself next. */
  get next() {
    return Math.min(...[...this.#timers].map(({ at }) => at));
  }

  /** Waits until all is done that follows at once. */
  async settle() {
    for (let seen; seen !== this.#activity || this.#underway > 0; ) {
      seen = this.#activity;
      await this.driver.handle(() => undefined);
      await tick();
    }
  }

  async handle(input) {
    await this.driver.handle(input);
    await this.settle();
  }

  /** Goes to a time, and does what is due then. */
  async go(time) {
    this.now = time;
    for (const timer of [...this.#timers]) {
      if (timer.at <= time && this.#timers.delete(timer)) timer.call();
    }
    await this.settle();
  }

  async pass(milliseconds) {
    const end = this.now + milliseconds;
    while (this.next <= end) await this.go(Math.max(this.next, this.now));
    await this.go(end);
  }

  async toTheFirstRequest() {
    while (this.sent.length === 0) await this.go(this.next);
  }

  /** The app classifies so many inputs. */
  async classify(inputs) {
    for (let n = 0; n < inputs && this.texts.length === 2; n++) {
      const agrees = !this.texts[0].includes("other!");
      await this.handle((core, now) => core.observed(now, agrees, false, 1));
    }
  }

  /** The version that answers. */
  get answering() {
    const { version } = this.active.first;
    if (!this.texts[0].startsWith(`v${version} `)) throw new Error("it isn't the model that it is said to be");
    return version;
  }

  /** The program ends. */
  async end() {
    this.#timers.clear();
    await this.driver.end();
    this.store.close();
  }

  #after(pause, call) {
    const timer = { at: this.now + pause, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** The core, and what it says about waking. */
  #seen(core) {
    const { named, woken, failures } = this;
    return new Proxy(core, {
      get: (_, name) => (...words) => {
        if (name === "woken") woken.push(words[0]);
        if (name === "unanswered") failures.push(words[2]);
        const said = core[name](...words);
        if (said?.kind === "wake") named.push(said.at);
        return said;
      },
    });
  }

  #host() {
    const read = (place) => (place === "factory" ? this.factory : this.store.read(`slot/${place}`));
    const textAt = async ({ place }) => {
      const bytes = await read(place);
      return bytes && String.fromCharCode(...bytes.subarray(0, 60));
    };
    const host = {
      send: (request) => {
        this.log.push(`send ${request.url}`);
        this.sent.push(request);
        if (!this.answers) return undefined;
        const body = this.repository.files.get(request.url.replace(`${config.repository}/`, ""));
        return this.instead ?? { status: body ? 200 : 404, headers: [], body: body ?? new Uint8Array() };
      },
      commit: (changes) => this.store.commit(changes),
      read,
      trial: async ({ candidate }) => {
        this.log.push(`trial ${candidate.version}`);
        if (this.onTrial) {
          this.onTrial(this);
          return new Promise(() => undefined);
        }
        return (await textAt(candidate)).includes("golden!") ? "golden" : undefined;
      },
      activate: async ({ first, shadow }) => {
        const texts = [];
        for (const installed of shadow ? [first, shadow] : [first]) {
          const text = await textAt(installed);
          if (text === undefined || text.includes("load!")) return { place: installed.place, lost: text === undefined };
          texts.push(text);
        }
        this.log.push(`activate ${first.version}`);
        [this.active, this.texts] = [{ first, shadow }, texts];
      },
      notify: (event) => {
        this.log.push(`notify ${event.kind}`);
        this.events.push(event);
      },
      conditions: () => this.conditions,
    };
    const counted = (call) => async (...words) => {
      this.#activity += 1;
      this.#underway += 1;
      try {
        return await call(...words);
      } finally {
        this.#underway -= 1;
      }
    };
    const send = counted(host.send);
    const waits = (answer) => answer ?? new Promise(() => undefined);
    return { ...host, commit: counted(host.commit), trial: counted(host.trial), activate: counted(host.activate), conditions: counted(host.conditions), send: (request) => send(request).then(waits) };
  }
}
