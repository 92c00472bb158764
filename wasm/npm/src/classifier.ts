import { orAborted } from "./abort.js";
import type { Decision } from "./decision.js";
import { DunlinError } from "./error.js";
import type { Classifier as Engine, Failure, Instance } from "./glue.js";
import { type Picture, pixelsOf } from "./picture.js";
import { isExhausted, newInstance, newTextInstance } from "./runtime.js";
import { messageOf, type ModuleSource, type Pieces, type Source, transfer, type TransferOptions } from "./source.js";
import { TextInput } from "./text.js";

/** How to load a classifier. */
export interface LoadOptions extends TransferOptions {
  /** Bytes that the model may compute in. */
  readonly memoryLimit?: number | undefined;
  /** The runtime's module, where it isn't to be found beside the package's script. */
  readonly wasm?: ModuleSource | undefined;
}

/** How to classify. */
export interface ClassifyOptions {
  /** How many classes to name at most; as many as the model's policy says unless it says otherwise, or 5. */
  readonly topK?: number | undefined;
  /** The language of labels, such as `de`; the model's own where it has no other. */
  readonly locale?: string | undefined;
  /** To which cohort of the model's policy the input belongs, such as a language or a kind of device. */
  readonly cohort?: string | undefined;
  /** Whether the model is too old to be believed. */
  readonly stale?: boolean | undefined;
  /** Whether there is a cloud to ask. */
  readonly fallback?: boolean | undefined;
  /** Gives the call up; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A class with its probability. */
export interface RankedClass {
  readonly index: number;
  /** Missing where the model has no name for it. */
  readonly label?: string;
  readonly probability: number;
}

/** What one of a model's outputs says of an input. */
export interface Judgement {
  /** What is to be done: give the answer, ask the cloud, or say that there is none. */
  readonly decision: Decision;
  /** The most probable classes in falling order, those that the policy doesn't show left out. */
  readonly classes: RankedClass[];
  /** The probability of each class, calibrated where the model is. */
  readonly probabilities: Float32Array;
  /** The model's own output before scoring. */
  readonly logits: Float32Array;
}

/** What a further output of a model says of an input: a classifier of its own, with its own classes and policy. */
export interface Head extends Judgement {
  /** The output's name. */
  readonly name: string;
}

/** What a classifier says of one input: its first output, and the others that are classifiers too. */
export interface Classification extends Judgement {
  /** How much a text looks as if it was made to deceive, 0 to 255; 0 for other inputs. */
  readonly evasion: number;
  /** Which share of a text's tokens the model doesn't know, 0 to 1; 0 for other inputs. */
  readonly unknown: number;
  /** The model's further heads, in their order; empty for a model that has one. */
  readonly heads: Head[];
}

/** What the model takes. */
export interface InputInfo {
  /** The type of an element, such as `f32`. */
  readonly elementType: string;
  readonly shape: number[];
}

/** A step of the model on this device. */
export interface StepInfo {
  /** The operator's name. */
  readonly name: string;
  /** The name of the kernel that does it: `operation/tile/instructions`. */
  readonly kernel: string;
  /** The type of an element of its result. */
  readonly elementType: string;
  /** Dimensions of its result, outermost first. */
  readonly shape: number[];
  /** Bytes that it reads and writes. */
  readonly bytes: number;
  /** Multiplications with an addition; 0 where there is no such work. */
  readonly macs: number;
}

/** A classifier: an artifact, loaded. Each has an instance of the runtime, whose memory goes with it. */
export class Classifier {
  #engine: Engine | undefined;
  /** Of a model that takes text. */
  #text: TextInput | undefined;
  readonly #instance: Instance;
  readonly #labels = new Map<string, string[]>();
  /** Why it can't be used any more. */
  #end: DunlinError | undefined;
  #calls = 0;

  /** The name of the instruction set that it computes with, such as `wasm_simd128`. */
  readonly kernelSet: string;
  /** What it takes. */
  readonly inputs: readonly InputInfo[];

  private constructor(instance: Instance, engine: Engine) {
    this.#instance = instance;
    this.#engine = engine;
    this.kernelSet = instance.kernelSet();
    this.#labelsIn(engine, "");
    this.inputs = engine.inputs().map(({ elementType, shape }) => ({ elementType, shape: [...shape] }));
  }

  /**
   * Loads an artifact from an address, in Node also a file's path, or from its bytes.
   *
   * @throws {DunlinError} `artifact`, `version`, `memory`, `fetch`
   */
  static async load(source: Source | Promise<Response>, options: LoadOptions = {}): Promise<Classifier> {
    const { memoryLimit, signal, wasm } = options;
    whole("memoryLimit", memoryLimit);
    const instance = newInstance(wasm);
    // Both are under way; when the other fails first, this one's failure is nobody's.
    instance.catch(() => undefined);
    const pieces = await transfer(await orAborted(Promise.resolve(source), signal), options);
    const started = await orAborted(instance, signal);
    const classifier = guarded(started, () => new Classifier(started, engineOf(started, pieces, memoryLimit)));
    const section = classifier.#call((engine) => engine.text());
    if (section) {
      const text = await orAborted(newTextInstance(wasm), signal);
      classifier.#text = guarded(text, () => new TextInput(text, section, classifier.inputs));
    }
    return classifier;
  }

  /**
   * Classifies a picture, a text, or the values of the model's input in the order in which it has them.
   *
   * @throws {DunlinError} `picture`, `input`, `memory`, `disposed`
   */
  async classify(input: Picture | Float32Array | string, options: ClassifyOptions = {}): Promise<Classification> {
    const { signal } = options;
    this.#throwIfEnded();
    whole("topK", options.topK);
    signal?.throwIfAborted();
    this.#calls += 1;
    try {
      if (typeof input === "string") {
        const text = this.#text;
        if (!text) throw new DunlinError("input", "this model takes no text");
        const ids = this.#call(() => text.ids(input), text.instance);
        return this.#call((engine) => {
          text.give(engine, ids);
          return this.#classification(engine, options, text);
        });
      }
      if (input instanceof Float32Array) {
        return this.#call((engine) => {
          engine.classifyValues(input);
          return this.#classification(engine, options);
        });
      }
      const { data, width, height, channels } = await orAborted(pixelsOf(input), signal);
      return this.#call((engine) => {
        engine.classifyPixels(data, width, height, channels);
        return this.#classification(engine, options);
      });
    } finally {
      this.#calls -= 1;
      if (this.#calls === 0 && this.#end) this.#drop();
    }
  }

  /**
   * Runs the model itself, without what makes its input of a picture or a text, and scores of its output. Takes the bytes of all values of
   * each input, and gives the values of each output: floats, or else bytes.
   *
   * @throws {DunlinError} `input`, `disposed`
   */
  run(inputs: readonly Uint8Array[]): (Float32Array | Uint8Array)[] {
    this.#throwIfEnded();
    return this.#call((engine) => {
      inputs.forEach((bytes, input) => engine.setInput(input, bytes));
      engine.run();
      const outputs = [];
      for (let output; (output = engine.output(outputs.length)); ) outputs.push(output);
      return outputs;
    });
  }

  /** What each step does, in order. */
  explain(): StepInfo[] {
    this.#throwIfEnded();
    return this.#call((engine) => engine.explain()).map((step) => ({ ...step, shape: [...step.shape] }));
  }

  /**
   * The classes' names in a language, such as `de`; in the model's own where it has no other. Empty without names. `head` is the place of a
   * further head in {@link Classification.heads}, from 1 on.
   */
  labels(locale = "", head = 0): readonly string[] {
    this.#throwIfEnded();
    whole("head", head);
    return this.#call((engine) => this.#labelsIn(engine, locale, Math.min(head, LARGEST)));
  }

  /** Gives the memory back. Calls under way end as they would; later ones throw `disposed`. Twice is fine. */
  dispose(): void {
    this.#end ??= new DunlinError("disposed", "the classifier was disposed of");
    if (this.#calls === 0) this.#drop();
  }

  /** As {@link dispose}. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #throwIfEnded(): void {
    if (this.#end) throw this.#end;
  }

  /** Calls the engine. After a trap the instance is done for, and with it this classifier. */
  #call<T>(action: (engine: Engine) => T, instance: Memory = this.#instance): T {
    const engine = this.#engine;
    if (!engine) throw this.#end;
    return guarded(instance, () => action(engine), (end) => {
      this.#end = end;
      this.#drop();
    });
  }

  #drop(): void {
    this.#engine = undefined;
    this.#text = undefined;
  }

  /** What comes of the input that was classified. */
  #classification(engine: Engine, options: ClassifyOptions, text?: TextInput): Classification {
    const { evasion = 0, unknown = 0 } = text ?? {};
    const heads: Judgement[] = [];
    for (let head; (head = this.#judgement(engine, heads.length, options, evasion)); ) heads.push(head);
    const [first, ...rest] = heads as [Judgement, ...Head[]];
    return { ...first, evasion, unknown, heads: rest };
  }

  /** What a head says; nothing past the last. */
  #judgement(
    engine: Engine,
    head: number,
    { topK, locale = "", cohort, stale = false, fallback = false }: ClassifyOptions,
    evasion: number,
  ): Judgement | undefined {
    const top = topK === undefined ? topK : Math.min(topK, LARGEST);
    const said = engine.classification(head, top, cohort, stale, fallback, evasion);
    if (!said) return;
    const { name, probabilities, logits, outcome, reason, rule, index, probability, margin, energy } = said;
    const grounds = { rule, index, probability, margin, ...(energy !== undefined && { energy }), set: [...said.set] };
    const decision = { outcome, ...(reason && { reason }), ...grounds } as Decision;
    const labels = this.#labelsIn(engine, locale, head);
    const classes = Array.from(said.top, (index) => {
      const [label, probability] = [labels[index], probabilities[index] ?? 0];
      return label ? { index, label, probability } : { index, probability };
    });
    return { ...(head && { name }), decision, classes, probabilities, logits };
  }

  #labelsIn(engine: Engine, locale: string, head = 0): string[] {
    const key = `${head} ${locale}`;
    let labels = this.#labels.get(key);
    if (!labels) this.#labels.set(key, (labels = engine.labels(head, locale)));
    return labels;
  }
}

/** An instance, as far as it matters when it ends. */
type Memory = Pick<Instance, "memory">;

/** What the engine's numbers hold; larger ones would wrap. */
const LARGEST = 0xffffffff;

function engineOf(instance: Instance, { pieces, length }: Pieces, limit: number | undefined): Engine {
  if (length > LARGEST) throw new DunlinError("memory", `an artifact of ${length} bytes is beyond what WebAssembly can address`);
  const file = new instance.ArtifactFile(length);
  let offset = 0;
  for (const piece of pieces.splice(0)) {
    file.write(offset, piece);
    offset += piece.length;
  }
  return file.load(limit);
}

/** What the action gives; else an error with a code, and `end` is called where the instance is done for. */
function guarded<T>(instance: Memory, action: () => T, end?: (error: DunlinError) => void): T {
  try {
    return action();
  } catch (cause) {
    if (cause instanceof DunlinError) throw cause;
    const code = (cause as Partial<Failure>).dunlinCode;
    if (code) throw new DunlinError(code, messageOf(cause));
    const [kind, why] = isExhausted(instance) ? (["memory", "the host has no memory left"] as const) : (["internal", "a defect of Dunlin"] as const);
    const error = new DunlinError(kind, `${why} ended the classifier; load it again (${messageOf(cause)})`, { cause });
    end?.(error);
    throw error;
  }
}

function whole(name: string, value: number | undefined): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0)) return;
  throw new DunlinError("input", `${name} is a whole number from 0 on, not ${String(value)}`);
}
