// Who is signed in. The token lives as long as the tab does.

const KEY = "dunlin-token";
let caller = null;

/** The token, or an empty text. */
export const token = () => sessionStorage.getItem(KEY) ?? "";

/** Whose token it is, `{ role, name }`, once that is known. */
export const who = () => caller;

export function keep(text) {
  sessionStorage.setItem(KEY, text);
}

export function know(found) {
  caller = found;
}

export function forget() {
  sessionStorage.removeItem(KEY);
  caller = null;
}

/** Whether a text can be a token at all: only such a one may stand in a header. */
export const isToken = (text) => /^[\x21-\x7e]{1,512}$/.test(text);
