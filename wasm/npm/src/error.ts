/** What kind of failure it is: the same names in every language that Dunlin is used from. */
export type DunlinErrorCode =
  /** The file is no artifact, was cut off or changed, or contradicts itself: fetch it again. */
  | "artifact"
  /** The artifact is for another version of Dunlin, or needs operators that this build leaves out. */
  | "version"
  /** The model needs more memory or arithmetic than it may have, or than the device has left. */
  | "memory"
  /** What was given as a picture is none, or can't be decoded here. */
  | "picture"
  /** The model takes another kind, shape, length or range of input. */
  | "input"
  /** The classifier was disposed of before. */
  | "disposed"
  /** A file or an address can't be read. */
  | "fetch"
  /** A defect of Dunlin. */
  | "internal";

/** Everything that Dunlin throws, but for a signal's own reason when a call is aborted. */
export class DunlinError extends Error {
  override readonly name = "DunlinError";

  constructor(
    readonly code: DunlinErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
