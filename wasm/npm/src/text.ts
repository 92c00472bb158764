// Texts into a model's inputs, with a module of its own that only models of text need.

import type { Classifier as Engine } from "./glue.js";
import type { TextInstance, TextPreparer } from "./text-glue.js";

/** Makes ids of texts and gives them to the engine. */
export class TextInput {
  readonly #preparer: TextPreparer;
  readonly #feed: Feed;

  constructor(
    readonly instance: TextInstance,
    section: Uint8Array,
  ) {
    this.#preparer = new instance.TextPreparer(section);
    const [ids = 0, mask = ABSENT, segments = ABSENT, fixed = 0, filler = 0, longest = 0] = this.#preparer.feed();
    this.#feed = { ids, mask, segments, fixed, filler, longest };
  }

  /** The ids of a text. Of one that is longer than what is read no more is copied: a unit of UTF-16 has a byte at least. */
  ids(text: string): Int32Array {
    return this.#preparer.prepare(text.slice(0, this.#feed.longest));
  }

  /** How much the last text looked as if it was made to deceive. */
  get evasion(): number {
    return this.#preparer.evasion();
  }

  /** Classifies ids. */
  give(engine: Engine, values: Int32Array): void {
    const { ids, mask, segments, fixed, filler } = this.#feed;
    if (!fixed) engine.setLength(Math.max(values.length, 1));
    engine.setIds(ids, values, filler);
    if (mask !== ABSENT) engine.setIds(mask, new Int32Array(values.length).fill(1), 0);
    if (segments !== ABSENT) engine.setIds(segments, new Int32Array(0), 0);
    engine.classifyIds();
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
