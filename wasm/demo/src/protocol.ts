// What the page and the worker that computes say to each other.

import type { Classification, DunlinErrorCode, InputInfo, StepInfo } from "dunlin";

/** The worker's calls: what each is asked, and what it answers. */
export interface Calls {
  /** Loads a model, which takes the place of the one before. */
  load: { asked: { source: string | Blob; locale: string }; answered: Model };
  /** Classifies a picture; a bitmap is closed. */
  classify: { asked: { picture: Blob | ImageBitmap; topK: number; locale: string }; answered: Answer };
  /** Times further runs on a picture's pixels. */
  measure: { asked: { picture: Blob }; answered: Timing };
}

/** What the model says of a picture. */
export type Answer = Pick<Classification, "classes" | "decision">;

/** A model that was loaded. */
export interface Model {
  readonly bytes: number;
  readonly kernelSet: string;
  readonly inputs: readonly InputInfo[];
  readonly labels: readonly string[];
  readonly steps: readonly StepInfo[];
  /** From the request to a model that can classify. */
  readonly milliseconds: number;
}

/** What warm runs took. */
export interface Timing {
  readonly runs: number;
  readonly milliseconds: number;
}

/** A call with its number. */
export type Request = { [Name in keyof Calls]: { readonly id: number; readonly name: Name; readonly asked: Calls[Name]["asked"] } }[keyof Calls];

/** What came of the call of this number, or how far it is. */
export type Reply =
  | { readonly id: number; readonly answered: Calls[keyof Calls]["answered"] }
  | { readonly id: number; readonly failed: Failure }
  | { readonly id: number; readonly loaded: number; readonly total: number | undefined };

/** An error on its way between threads. */
export interface Failure {
  readonly code: DunlinErrorCode;
  readonly message: string;
}
