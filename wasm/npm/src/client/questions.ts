// Questions to the cloud: what is sent of them, and who waits for their answers.

import type { Picture, PixelData } from "../index.js";
import type { Asked, Question, SyncInstance } from "../sync-glue.js";
import type { Clock } from "./driver.js";
import type { ClientEvent, CloudAnswer, Why } from "./event.js";

/** A question, as one tab may hand it to another. */
export interface Asking {
  readonly digest: Uint8Array;
  readonly reason: string;
  readonly labels: readonly string[];
  readonly index: number;
  readonly review: boolean;
  readonly features: Float32Array;
  readonly input: string | PixelData | undefined;
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

/** What came of a question by its deadline. */
export interface Outcome {
  readonly cloud?: CloudAnswer;
  readonly why?: Why;
  /** Where an answer may come later. */
  readonly ticket?: string;
}

interface Waiting {
  readonly labels: readonly string[];
  ticket: string | undefined;
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

  /** Asks, and has an answer by a time whatever becomes of it. `ask` is told whom to give the ticket. */
  outcome(labels: readonly string[], until: number, ask: (ticketed: (ticket: string) => void) => void): Promise<Outcome> {
    return new Promise((resolve) => {
      const waiting: Waiting = { labels, ticket: undefined, settle: undefined };
      // The machines say so as well; but they may be busy, or in a tab that sleeps.
      const cancel = this.clock.after(Math.max(until - this.clock.now(), 0), () => waiting.settle?.({ why: "deadline", ...later(waiting) }));
      waiting.settle = (outcome) => {
        cancel();
        waiting.settle = undefined;
        resolve(outcome);
      };
      ask((ticket) => {
        waiting.ticket = ticket;
        this.#waiting.set(ticket, waiting);
      });
    });
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

function later({ ticket }: Waiting): Pick<Outcome, "ticket"> {
  return ticket === undefined ? {} : { ticket };
}

function answerOf({ index, probabilities }: { readonly index: number; readonly probabilities: Float32Array }, waiting: Waiting | undefined): CloudAnswer {
  const label = waiting?.labels[index];
  // Where a class has no name the machines know it by its number.
  return { index, ...(label !== undefined && label !== String(index) && { label }), probabilities };
}
