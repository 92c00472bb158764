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
  | { readonly kind: "failed"; readonly fault: Fault; readonly message: string };

/** Why a model was taken back: the same names in every language. */
export type RollbackReason =
  /** It can't be loaded. */
  | "load"
  /** It doesn't compute here what it should. */
  | "golden"
  /** The page ended while it was being started, or again and again while it was tried. */
  | "crash"
  /** It finds other classes than the model before. */
  | "agreement"
  /** It leaves too many inputs to the cloud, or to nobody. */
  | "fallback"
  /** It is too slow. */
  | "latency"
  /** Its publisher took it back. */
  | "withdrawn";

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
