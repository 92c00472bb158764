// Texts into a model's inputs, with a module of its own that only models of text need.

import { DunlinError } from "./error.js";
import type { Classifier as Engine } from "./glue.js";
import type { TextInstance, TextPreparer } from "./text-glue.js";

/** Makes ids of texts and gives them to the engine. */
export class TextInput {
  readonly #preparer: TextPreparer;
  readonly #feed: Feed;
  /** Ids that an input of fixed length takes. */
  readonly #length: number;

  constructor(
    readonly instance: TextInstance,
    section: Uint8Array,
    inputs: readonly { readonly elementType: string; readonly shape: readonly number[] }[],
  ) {
    this.#preparer = new instance.TextPreparer(section);
    const [ids = 0, mask = ABSENT, segments = ABSENT, fixed = 0, filler = 0, longest = 0] = this.#preparer.feed();
    this.#feed = { ids, mask, segments, fixed, filler, longest };
    this.#length = inputs[ids]?.shape.reduce((product, dimension) => product * dimension, 1) ?? 0;
  }

  /** The ids of a text. Of one that is longer than what is read no more is copied: a unit of UTF-16 has a byte at least. */
  ids(text: string): Int32Array {
    return this.#preparer.prepare(text.slice(0, this.#feed.longest));
  }

  /** How much the last text looked as if it was made to deceive. */
  get evasion(): number {
    return this.#preparer.evasion();
  }

  /** Which share of the last text's tokens the model doesn't know. */
  get unknown(): number {
    return this.#preparer.unknown();
  }

  /** Classifies ids. */
  give(engine: Engine, values: Int32Array): void {
    const { ids, mask, segments, fixed, filler } = this.#feed;
    const length = fixed ? this.#length : Math.max(values.length, 1);
    if (values.length > length) throw new DunlinError("input", "the model has no room for so many ids");
    const put = (input: number, filled: number, rest: number, values?: Int32Array): void => {
      const all = new Int32Array(length).fill(rest, filled);
      if (values) all.set(values);
      else all.fill(1, 0, filled);
      engine.setInput(input, new Uint8Array(all.buffer));
    };
    if (!fixed) engine.setLength(length);
    put(ids, values.length, filler, values);
    if (mask !== ABSENT) put(mask, values.length, 0);
    if (segments !== ABSENT) put(segments, 0, 0);
    engine.run();
  }
}

/** Where ids go: numbers of inputs, whether fillers follow them, and which. */
interface Feed {
  readonly ids: number;
  readonly mask: number;
  readonly segments: number;
  readonly fixed: number;
  readonly filler: number;
  /** Bytes of a text that are read. */
  readonly longest: number;
}

/** The number of an input that a model hasn't. */
const ABSENT = -1;
