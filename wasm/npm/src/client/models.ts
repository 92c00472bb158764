// The models that are loaded: one that answers, one beside it, one that was tried.

import { type Classification, Classifier, type ClassifyOptions, DunlinError, type DunlinErrorCode, type LoadOptions, type Picture } from "../index.js";
import type { Activation, Installed, Place, SyncInstance, Trial, TrialFault } from "../sync-glue.js";
import { type Broken, isSame } from "./driver.js";
import { digestOf, examine, sectionsOf } from "./golden.js";

/** What was found when two models were asked the same. */
export interface Observation {
  readonly agrees: boolean;
  readonly fallsBack: boolean;
  readonly microseconds: number;
}

/** What came of an input: what the app is told, and what the machines are. */
export interface Said {
  readonly classification: Classification;
  /** The model that said so, and how long it took. */
  readonly installed: Installed;
  readonly microseconds: number;
  readonly observation?: Observation;
  /** A model that can't be used. */
  readonly broken?: Place;
}

/** Gives a model's bytes, where they can be read. */
export type Reader = (place: Place) => Promise<Uint8Array<ArrayBuffer> | undefined>;

interface Loaded {
  readonly installed: Installed;
  readonly classifier: Classifier;
  readonly facts: Facts | undefined;
}

/** What servers know a model by, and what its answers are compared with. */
export interface Facts {
  readonly digest: Uint8Array;
  readonly baseline: Uint8Array | undefined;
}

/** The models that are asked. */
export class Models {
  /** The one that answers, then one that is asked as well, of which nothing is shown. */
  #serving: Loaded[] = [];
  #candidate: Loaded | undefined;
  #fault: unknown;

  constructor(
    readonly sync: SyncInstance,
    readonly reader: Reader,
    readonly options: LoadOptions,
    /** Whether anyone asks for facts. */
    readonly learns = false,
  ) {}

  /** The model that answers. */
  get installed(): Installed | undefined {
    return this.#serving[0]?.installed;
  }

  /** Why a model couldn't be loaded, the last one of which that is so. */
  get fault(): unknown {
    return this.#fault;
  }

  /** Loads a model and asks it its golden inputs; says what is wrong with it. */
  async trial({ candidate, latency }: Trial): Promise<TrialFault | undefined> {
    const loaded = await this.#loadAt(candidate, true);
    if (typeof loaded === "string") return loaded;
    const bytes = await this.reader(candidate.place);
    if (!bytes) return "lost";
    let found: TrialFault | number;
    try {
      found = await examine(this.sync, loaded.classifier, bytes);
    } catch {
      // A model that doesn't run.
      found = "golden";
    }
    const fault = typeof found === "string" ? found : latency !== undefined && found > latency ? "latency" : undefined;
    if (fault) loaded.classifier.dispose();
    else this.#candidate = loaded;
    return fault;
  }

  /**
   * Answers with a model from now on; or says which can't be loaded, and then nothing has changed. Where the runtime can't be had, throws, or
   * waits for it.
   */
  async activate({ first, shadow }: Activation, patient: boolean): Promise<Broken | undefined> {
    const there = this.#candidate ? [this.#candidate, ...this.#serving] : this.#serving;
    const wanted: Loaded[] = [];
    for (const installed of shadow ? [first, shadow] : [first]) {
      const loaded = there.find((loaded) => isSame(installed, loaded.installed)) ?? (await this.#loadAt(installed, patient));
      if (typeof loaded === "string") return { place: installed.place, lost: loaded === "lost" };
      wanted.push(loaded);
    }
    this.#candidate = undefined;
    this.#serving = wanted;
    for (const loaded of there) if (!wanted.includes(loaded)) loaded.classifier.dispose();
    return undefined;
  }

  /** Forgets a model that a trap has ended. */
  drop(place: Place): void {
    this.#serving = this.#serving.filter(({ installed }) => installed.place !== place);
  }

  /** What the model that answers says. While another is on trial, both are asked. */
  async classify(input: Picture | Float32Array | string, options: ClassifyOptions): Promise<Said> {
    const [first, shadow] = this.#serving;
    if (!first) throw new DunlinError("disposed", "the client was disposed of, or its model was lost; open it again");
    const { installed } = first;
    const begin = performance.now();
    if (!shadow) {
      const classification = await first.classifier.classify(input, options);
      return { classification, installed, microseconds: (performance.now() - begin) * 1000 };
    }
    const answer = await settled(first.classifier.classify(input, options));
    const end = performance.now();
    const before = await settled(shadow.classifier.classify(input, options));
    options.signal?.throwIfAborted();
    if ("fault" in answer) {
      // A model that can't take what the one before can isn't a newer version of it.
      if ("fault" in before || isOf(answer.fault, "disposed")) throw answer.fault;
      return { classification: before.value, installed: shadow.installed, microseconds: 0, broken: installed.place };
    }
    const classification = answer.value;
    // Most of the time of a picture's file goes into decoding it.
    const microseconds = input instanceof Blob ? 0 : (end - begin) * 1000;
    if ("fault" in before) return { classification, installed, microseconds };
    const agrees = classification.decision.index === before.value.decision.index;
    // How old the app thinks the model is, is no fault of the model's.
    const fair = options.stale ? await first.classifier.classify(input, { ...options, stale: false }) : classification;
    const fallsBack = fair.decision.outcome !== "answer";
    return { classification, installed, microseconds, observation: { agrees, fallsBack, microseconds } };
  }

  /** What is known of the model that answers. */
  get facts(): Facts | undefined {
    return this.#serving[0]?.facts;
  }

  /** What is known of a model that is asked, with its classes' names; nothing of one that isn't any more. */
  about(version: number): (Facts & { readonly labels: readonly string[] }) | undefined {
    const loaded = this.#serving.find(({ installed }) => installed.version === version);
    return loaded?.facts && { ...loaded.facts, labels: loaded.classifier.labels() };
  }

  dispose(): void {
    for (const { classifier } of this.#serving) classifier.dispose();
    this.#candidate?.classifier.dispose();
    this.#serving = [];
    this.#candidate = undefined;
  }

  async #factsOf(bytes: Uint8Array<ArrayBuffer>): Promise<Facts> {
    return { digest: await digestOf(this.sync, bytes), baseline: sectionsOf(bytes).get(BASELINE)?.bytes.slice() };
  }

  /** Or what is wrong with the model. When it is the runtime, or the app's file, that can't be had, throws, or waits until it can. */
  async #loadAt(installed: Installed, patient: boolean): Promise<Loaded | "load" | "lost"> {
    for (;;) {
      try {
        const bytes = await this.reader(installed.place);
        if (!bytes) return "lost";
        return { installed, classifier: await Classifier.load(bytes, this.options), facts: this.learns ? await this.#factsOf(bytes) : undefined };
      } catch (cause) {
        this.#fault = cause;
        if (!isOf(cause, "fetch")) return "load";
        if (!patient) throw cause;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
}

/** What came of a promise. */
function settled<T>(promise: Promise<T>): Promise<{ readonly value: T } | { readonly fault: unknown }> {
  return promise.then((value) => ({ value }), (fault: unknown) => ({ fault }));
}

function isOf(cause: unknown, code: DunlinErrorCode): boolean {
  return cause instanceof DunlinError && cause.code === code;
}

/** Milliseconds until what can't be had is asked for again. */
const PAUSE = 30_000;
/** The kind of the section that has a baseline. */
const BASELINE = 0x80000011;
