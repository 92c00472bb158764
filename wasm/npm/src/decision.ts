/** What is to be done: the same names in every language that Dunlin is used from. */
export type Outcome =
  /** Give the answer. */
  | "answer"
  /** Ask the cloud. */
  | "fallback"
  /** Say that there is no answer. */
  | "abstain";

/** Why an answer isn't given: the same names in every language. */
export type Reason =
  /** No class is probable enough. */
  | "ambiguous"
  /** The input isn't like those that the model was made for. */
  | "out_of_distribution"
  /** The input looks as if it was made to deceive. */
  | "evasion"
  /** The model is too old. */
  | "stale_model"
  /** The input belongs to a cohort for which nothing was measured. */
  | "unknown_cohort"
  /** The app doesn't want this answer. */
  | "policy";

/** The rule that decided, by what it looks at: the same names in every language, in the order in which they are asked. */
export type Rule =
  /** How old the model is. */
  | "stale"
  /** Signs of evasion. */
  | "evasion"
  /** The cohort's name. */
  | "cohort"
  /** The energy. */
  | "energy"
  /** The probability of the most probable class, for an answer. It is the last rule of an answer, too. */
  | "threshold"
  /** The same probability, for being shown at all. */
  | "score_threshold"
  /** The lists of allowed and denied classes. */
  | "list";

/** What is to be done with an input, and what led to it. */
export type Decision = Grounds &
  (
    | { readonly outcome: "answer"; readonly reason?: never }
    | { readonly outcome: "fallback" | "abstain"; readonly reason: Reason }
  );

/** What a decision stands on. */
export interface Grounds {
  readonly rule: Rule;
  /** The most probable class, whether or not it is shown. */
  readonly index: number;
  /** Its calibrated probability. */
  readonly probability: number;
  /** By how much it is more probable than the next one. */
  readonly margin: number;
  /** High where nothing speaks for any class; missing for a model that gives probabilities, of which it means nothing. */
  readonly energy?: number;
  /** The prediction set, the most probable class first: it holds the true class as often as the policy says. Empty where the model makes none. */
  readonly set: readonly number[];
}
