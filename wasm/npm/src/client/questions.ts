// Questions to the cloud: what is sent of them, and who waits for their answers.

import type { Picture, PixelData } from "../index.js";
import type { Asked, Question, SyncInstance } from "../sync-glue.js";
import type { Clock } from "./driver.js";
import type { ClientEvent, CloudAnswer, Why } from "./event.js";

/** A question, as one tab may hand it to another. */
export interface Asking {
  readonly ticket: string;
  readonly digest: Uint8Array;
  readonly reason: string;
  readonly labels: readonly string[];
  readonly index: number;
  readonly review: boolean;
  readonly features: Float32Array;
  readonly input: string | PixelData | undefined;
  /** Of an answer that isn't in doubt how sure the model was: people look at it, and nobody waits. */
  readonly audit?: number;
}

/** Whether what was asked about can be sent as it is: a text or a picture. */
export function isShown(input: Picture | Float32Array | string): input is string | PixelData {
  return typeof input === "string" || (!(input instanceof Float32Array) && "data" in input);
}

/** The question as the machines take it. */
export function questionOf(sync: SyncInstance, { digest, reason, labels, index, review, features, input }: Asking): Question {
  const question = new sync.Question(digest, reason, labels, index, review);
  question.features(features);
  if (typeof input === "string") question.text(input);
  else if (input) question.image(input.height, input.width, coloursOf(input));
  return question;
}

/** Three bytes a pixel, red first. */
function coloursOf({ data, width, height, format = "rgba8" }: PixelData): Uint8Array {
  if (format === "rgb8") return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const [bytes, step] = format === "gray8" ? [1, 0] : [4, 1];
  return Uint8Array.from({ length: width * height * 3 }, (_, at) => data[Math.floor(at / 3) * bytes + (at % 3) * step] ?? 0);
}

/** A random UUID, by which a question is known in all tabs, and to servers. */
export function newTicket(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 15) | 64;
  bytes[8] = ((bytes[8] ?? 0) & 63) | 128;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** What came of a question by its deadline. */
export interface Outcome {
  readonly cloud?: CloudAnswer;
  readonly why?: Why;
  /** Where an answer may come later. */
  readonly ticket?: string;
}

interface Waiting {
  readonly asking: Asking;
  readonly until: number;
  /** Ends the waiting; nothing once it is over. */
  settle: ((outcome: Outcome) => void) | undefined;
}

/** The questions of this tab. */
export class Questions {
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    readonly clock: Clock,
    readonly tell: (event: ClientEvent) => void,
  ) {}

  /** What comes of a question that is asked now, by a time and whatever becomes of it. */
  outcome(asking: Asking, until: number): Promise<Outcome> {
    const { ticket } = asking;
    return new Promise((resolve) => {
      // The machines say so as well; but they may be busy, or in a tab that sleeps.
      const cancel = this.clock.after(Math.max(until - this.clock.now(), 0), () => waiting.settle?.({ why: "deadline", ticket }));
      const settle = (outcome: Outcome): void => {
        cancel();
        waiting.settle = undefined;
        resolve(outcome);
      };
      const waiting: Waiting = { asking, until, settle };
      this.#waiting.set(ticket, waiting);
    });
  }

  /** The questions that wait for an answer in time. */
  open(): Waiting[] {
    return [...this.#waiting.values()].filter(({ settle }) => settle);
  }

  /** Takes in what became of a question, of this tab or another. */
  take(event: Asked): void {
    if (event.kind === "damaged") return this.tell(event);
    if (event.kind === "agreement") return;
    const { ticket } = event;
    const waiting = this.#waiting.get(ticket);
    const ends = event.kind !== "waiting" && !(event.kind === "local" && event.later);
    if (ends) this.#waiting.delete(ticket);
    switch (event.kind) {
      case "answered":
        if (waiting?.settle) waiting.settle({ cloud: answerOf(event, waiting) });
        else if (waiting) this.tell({ kind: "upgrade", ticket, cloud: answerOf(event, waiting) });
        return;
      case "local":
        if (waiting?.settle) waiting.settle({ why: event.why, ...(event.later && { ticket }) });
        else if (waiting && !event.later) this.tell({ kind: "dropped", ticket, why: event.why });
        return;
      case "upgrade":
        return this.tell({ kind: "upgrade", ticket, cloud: answerOf(event, waiting) });
      default:
        return this.tell(event);
    }
  }
}

function answerOf({ index, probabilities }: { readonly index: number; readonly probabilities: Float32Array }, waiting: Waiting | undefined): CloudAnswer {
  const label = waiting?.asking.labels[index];
  // Where a class has no name the machines know it by its number.
  return { index, ...(label !== undefined && label !== String(index) && { label }), probabilities };
}
