/** What a client tells its app. */
export type ClientEvent =
  /** There is a release for this device; it is fetched when the conditions allow it. */
  | { readonly kind: "found"; readonly version: number }
  /** It is in the store, sound and complete; so many bytes were fetched for it. */
  | { readonly kind: "downloaded"; readonly version: number; readonly bytes: number }
  /** It answers, on trial if its publisher wants that. */
  | { readonly kind: "activated"; readonly version: number }
  /** It has shown itself, and stays. */
  | { readonly kind: "kept"; readonly version: number }
  /** It was taken back, and `to` answers instead. */
  | { readonly kind: "rolledBack"; readonly version: number; readonly to: number; readonly reason: RollbackReason }
  /** What was last seen of the repository counts no longer, and nothing newer could be had. The model answers on. */
  | { readonly kind: "stale" }
  /** A look for updates failed; there will be another. */
  | { readonly kind: "failed"; readonly fault: Fault; readonly message: string }
  /** A question to the cloud is kept, and survives the page; it ends with `upgrade` or `dropped`. In all tabs, as those two. */
  | { readonly kind: "waiting"; readonly ticket: string }
  /** The cloud's answer, after the device's was given. It comes again when a client is opened, until `done(ticket)`. */
  | { readonly kind: "upgrade"; readonly ticket: string; readonly cloud: CloudAnswer }
  /** There will be no answer of the cloud. */
  | { readonly kind: "dropped"; readonly ticket: string; readonly why: Why }
  /** So many questions that were kept can't be read any more. */
  | { readonly kind: "damaged"; readonly items: number }
  /** This device's answers aren't what calibration samples' were, by a metric of docs/formats/summary.md. */
  | { readonly kind: "diverged"; readonly metric: string; readonly answers: number; readonly divergence: number; readonly threshold: number };

/** What the cloud says of an input. */
export interface CloudAnswer {
  /** The class. */
  readonly index: number;
  /** Its name in the model that was asked about; missing where it has none, or where the page was opened since. */
  readonly label?: string;
  /** The probability of each class; empty where a server only names the class. */
  readonly probabilities: Float32Array;
}

/** Why there is no answer of the cloud: the same names in every language. */
export type Why =
  /** The user hasn't agreed to send so much, or no longer. */
  | "consent"
  /** The day's budget of questions or bytes is used up. */
  | "budget"
  /** Too many questions at once. */
  | "busy"
  /** The question is too long, or its parts don't fit each other. */
  | "unaskable"
  /** There is no server, or all are given a rest. */
  | "resting"
  /** The time is over. */
  | "deadline"
  /** No connection, or it broke, at each try. */
  | "network"
  /** The server refuses. */
  | "refused"
  /** The server can't now. */
  | "unavailable"
  /** What the server answers is no answer of a model. */
  | "unreadable"
  /** The server's answer can't be true. */
  | "untrue"
  /** It waited too long. */
  | "age";

/** Why a model was taken back: the same names in every language. */
export type RollbackReason =
  /** It can't be loaded. */
  | "load"
  /** It doesn't compute here what it should. */
  | "golden"
  /** The page ended twice while it was being started, or again and again while it was tried, and not because it was left. */
  | "crash"
  /** It finds other classes than the model before. */
  | "agreement"
  /** It leaves too many inputs to the cloud, or to nobody. */
  | "fallback"
  /** It is too slow. */
  | "latency"
  /** Its publisher took it back. */
  | "withdrawn"
  /** The browser lost its bytes; it is fetched again. */
  | "lost";

/** Why a look for updates failed. */
export type Fault =
  /** No answer. */
  | "network"
  | "timeout"
  /** A file is longer than, or isn't, what its metadata says. */
  | "content"
  /** A status other than 200. */
  | "status"
  /** The release is longer than what may be fetched in a day. */
  | "allowance"
  /** There is no room for it. */
  | "full"
  /** The store can't be written. */
  | "store"
  /** The repository's metadata can't be trusted. */
  | "metadata"
  /** A defect of Dunlin: no more updates in this page. */
  | "internal";
