// Performs what the machines ask for: in order, with a store, and with a host for what is neither.

import type { Activation, Asked, Change, Core, Effect, Failure, Installed, Place, Request, StoreFailure, Trial, TrialFault } from "../sync-glue.js";
import type { ClientEvent } from "./event.js";
import { type Answer, LONGEST } from "./transport.js";

/** What a driver leaves to others. */
export interface Host {
  /** The answer to a request, or why there is none. */
  send(request: Request): Promise<Answer | Failure>;
  /** Makes changes to the store. */
  commit(changes: readonly Change[]): Promise<StoreFailure | undefined>;
  /** A model's bytes, where they can be read. */
  read(place: Place): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Loads a model and asks it its golden inputs; says what is wrong with it. */
  trial(trial: Trial): Promise<TrialFault | undefined>;
  /**
   * Answers with a model from now on; or says which can't be loaded, and then nothing has changed. Where the runtime can't be had, throws, or
   * waits for it if it is to be `patient`.
   */
  activate(activation: Activation, patient: boolean): Promise<Broken | undefined>;
  /** Tells the app. */
  notify(event: ClientEvent): void;
  /** Tells what became of a question. */
  cloud?(event: Asked): void;
  /** Says what the answers are of that are counted: of the model that answers now. Nothing where none ever are. */
  subject?(): Promise<Input>;
  /** The device's connection and power. */
  conditions(): Promise<{ metered: boolean; charging: boolean }>;
}

/** A model that can't be used: where it is, and whether its bytes are gone. */
export interface Broken {
  readonly place: Place;
  readonly lost: boolean;
}

/** What time it is, and who calls back. */
export interface Clock {
  now(): number;
  /** Calls back after so many milliseconds; what it gives takes that back. */
  after(milliseconds: number, call: () => void): () => void;
}

/** The host's own clock. */
export const CLOCK: Clock = {
  now: () => Date.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, Math.min(milliseconds, LONGEST));
    return () => clearTimeout(timer);
  },
};

/** What happened: a call of the core's. */
export type Input = (core: Core, now: number) => void;

/** Drives the machines: takes in one thing after the other, each with all that follows from it. */
export class Driver {
  #queue: Promise<void> = Promise.resolve();
  /** Requests that aren't answered yet, each with what takes its time limit back. */
  readonly #pending = new Map<number, () => void>();
  #wake: { readonly at: number; readonly cancel: () => void } | undefined;
  /** What was polled out of turn. */
  readonly #later: Effect[] = [];
  /** Whether another model answers, of which counting hasn't been told. */
  #isNew = true;
  #ended = false;

  constructor(
    readonly core: Core,
    readonly host: Host,
    readonly clock: Clock = CLOCK,
  ) {}

  /**
   * Has the host load the model that answers; another one, if it can't be loaded. To be called first. Gives false where not even the app's
   * can be; throws where the runtime can't be had.
   */
  async serve(): Promise<boolean> {
    for (;;) {
      const broken = await this.host.activate({ first: this.core.serving() }, false);
      if (!broken || broken.place === "factory") return !broken;
      await this.handle((core, now) => core.broken(now, broken.place, broken.lost));
    }
  }

  /** Takes in what happened, and performs what follows from it. */
  handle(input: Input): Promise<void> {
    return this.#enqueue(async () => {
      await this.#tellSubject();
      input(this.core, this.clock.now());
      await this.#perform();
    });
  }

  /**
   * The page may be gone in a moment: says so, and begins at once what is to be kept of that, whatever else is being done. Nothing is left
   * undone if the page stays.
   */
  async leave(): Promise<void> {
    if (this.#ended) return;
    const commits: Promise<void>[] = [];
    try {
      this.core.ended(this.clock.now());
      for (let effect; (effect = this.core.poll(this.clock.now())); ) {
        if (effect.kind === "commit") commits.push(this.#do(effect));
        else this.#later.push(effect);
      }
      await Promise.all(commits);
    } catch (cause) {
      this.#defect(cause);
    }
    void this.handle(() => undefined);
  }

  /** Takes in how the device is doing, and that time has passed. */
  async wake(): Promise<void> {
    const { metered, charging } = await this.host.conditions();
    await this.handle((core, now) => {
      core.conditions(now, metered, charging);
      if (this.#wake && this.#wake.at <= now) {
        this.#sleep(undefined);
        core.woken(now);
      }
    });
    // A timer that ended before its time is set again.
    if (this.#wake) this.#sleep(this.#wake.at);
  }

  /** Begins nothing more but what is to be kept of the end, and waits for what is being done. */
  async end(): Promise<void> {
    const left = this.leave();
    this.#ended = true;
    this.#sleep(undefined);
    for (const cancel of this.#pending.values()) cancel();
    this.#pending.clear();
    await left;
    await this.#queue;
  }

  /** One thing after the other. A core that ended with a defect is asked nothing more. */
  #enqueue(action: () => Promise<void>): Promise<void> {
    this.#queue = this.#queue.then(async () => {
      try {
        if (!this.#ended) await action();
      } catch (cause) {
        this.#defect(cause);
      }
    });
    return this.#queue;
  }

  #defect(cause: unknown): void {
    this.#ended = true;
    this.#sleep(undefined);
    const message = cause instanceof Error ? cause.message : String(cause);
    this.host.notify({ kind: "failed", fault: "internal", message: `a defect of Dunlin ended updates in this page: ${message}` });
  }

  async #perform(): Promise<void> {
    for (let effect; !this.#ended && (effect = this.#later.shift() ?? this.core.poll(this.clock.now())); ) await this.#do(effect);
  }

  /** Whose answers are counted from now on. Where none are, nobody needs to know the model's digest. */
  async #tellSubject(): Promise<void> {
    if (!this.#isNew || !this.host.subject || !this.core.counts()) return;
    this.#isNew = false;
    (await this.host.subject())(this.core, this.clock.now());
  }

  async #do(effect: Effect): Promise<void> {
    const { core, clock, host } = this;
    switch (effect.kind) {
      case "send":
        return this.#send(effect);
      case "commit": {
        const failure = await host.commit(effect.changes);
        return core.committed(clock.now(), effect.id, failure);
      }
      case "read": {
        const bytes = await host.read(effect.place);
        return core.given(clock.now(), effect.id, bytes);
      }
      case "trial": {
        const fault = await host.trial(effect);
        return core.tried(clock.now(), fault);
      }
      case "activate": {
        const broken = await host.activate(effect, true);
        if (broken) core.broken(clock.now(), broken.place, broken.lost);
        else this.#isNew = true;
        return;
      }
      case "cloud":
        return host.cloud?.(effect.event);
      case "notify":
        return host.notify(effect.event);
      case "wake":
        return this.#sleep(effect.at);
    }
  }

  /** Sends a request, and gives it up when its time is over, whatever the transport says. */
  #send(request: Request): void {
    const { id, maxBytes, timeout } = request;
    const end = (answer: Answer | Failure): void => {
      const cancel = this.#pending.get(id);
      if (!cancel) return;
      cancel();
      this.#pending.delete(id);
      const said = typeof answer !== "string" && answer.body.length > maxBytes ? "too_long" : answer;
      void this.handle((core, now) => {
        if (typeof said === "string") core.unanswered(now, id, said);
        else core.answered(now, id, said.status, said.headers, said.body);
      });
    };
    this.#pending.set(id, this.clock.after(timeout, () => end("timeout")));
    this.host.send(request).then(end, () => end("broken"));
  }

  #sleep(at: number | undefined): void {
    this.#wake?.cancel();
    this.#wake = undefined;
    if (at === undefined || this.#ended) return;
    // Conditions are asked for now and then.
    const pause = Math.min(Math.max(at - this.clock.now(), 0), LONGEST_SLEEP);
    this.#wake = { at, cancel: this.clock.after(pause, () => void this.wake()) };
  }
}

/** A model and another one are the same. */
export function isSame(one: Installed, other: Installed | undefined): boolean {
  return one.place === other?.place && one.version === other.version;
}

const LONGEST_SLEEP = 15 * 60_000;
