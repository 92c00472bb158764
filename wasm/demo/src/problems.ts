// What went wrong, as one sentence that ends with what to do.

import { DunlinError } from "dunlin";

/** About a file that was given as a model. */
export function aboutModel(name: string, cause: unknown): string {
  const error = known(cause);
  switch (error.code) {
    case "artifact":
      return `“${name}” is no intact model: get the file again, or compile it anew with “dunlin compile”.`;
    case "version":
      return `“${name}” was made for another version of Dunlin: compile it again with the version that this page has.`;
    case "memory":
      return `“${name}” needs more memory than there is: close other pages, or choose a smaller model.`;
    case "fetch":
      return "The model didn't arrive: check the connection, then reload the page.";
    default:
      return defect(error);
  }
}

/** About files that were given as pictures. */
export function aboutPictures(names: readonly string[], cause: unknown): string {
  const error = known(cause);
  const what = listed(names);
  switch (error.code) {
    case "picture":
      return names.length > 1
        ? `${what} aren't pictures that this browser can read: choose JPEG, PNG or WebP files.`
        : `${what} is no picture that this browser can read: choose a JPEG, PNG or WebP file.`;
    case "input":
      return "This model takes no pictures: load one that does.";
    case "memory":
      return `${what} is too large for this device: choose a smaller picture.`;
    case "fetch":
      return `${what} didn't arrive: check the connection, then choose it again.`;
    default:
      return defect(error);
  }
}

/** About the webcam. */
export function aboutCamera(cause: unknown): string {
  switch (cause instanceof Error ? cause.name : "") {
    case "InsecureContextError":
      return "Webcams work on secure pages only: open this page with https.";
    case "NotAllowedError":
      return "The webcam is blocked for this page: allow it in the browser's settings for this site, then try again.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no webcam here: connect one, or choose a picture.";
    case "NotReadableError":
    case "AbortError":
      return "Something else has the webcam: close the program that uses it, then try again.";
    default:
      return `The webcam doesn't start (${messageOf(cause)}): choose a picture instead.`;
  }
}

/** About something dropped or pasted that is no file. */
export const NO_FILE = "There was no file in that: save the picture first, then choose or drop its file.";

/** About a browser that lacks what the page is made of. */
export const TOO_OLD = "This browser is too old to run models: update it, or open the page in another one.";

function known(cause: unknown): DunlinError {
  return cause instanceof DunlinError ? cause : new DunlinError("internal", messageOf(cause));
}

function defect({ message }: DunlinError): string {
  return `Dunlin itself failed: reload the page, and please report this if it happens again: ${message}.`;
}

function listed(names: readonly string[]): string {
  const quoted = names.slice(0, 3).map((name) => `“${name}”`);
  if (names.length > 3) quoted.push(`${names.length - 3} more`);
  return new Intl.ListFormat("en").format(quoted);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
