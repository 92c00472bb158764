// Requests to the server, with the token of who is signed in.

import { token } from "./session.js";

/** Why a request has no answer: the server's stable name, and what it says to do. */
export class Problem extends Error {
  constructor(code, message, status = 0) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** The JSON of an address. */
export async function get(path, signal) {
  return (await send(path, { signal })).json();
}

/** Sends JSON, or nothing, and gives the answer's. */
export async function post(path, body) {
  const sent = body === undefined ? {} : { headers: { "content-type": "application/json" }, body: typeof body === "string" ? body : JSON.stringify(body) };
  return (await send(path, { method: "POST", ...sent })).json();
}

/** Fetches a file and lets the browser save it: a link can't carry the token. */
export async function download(path, name) {
  const address = URL.createObjectURL(await (await send(path, {})).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

async function send(path, options) {
  let response;
  try {
    const headers = { ...options.headers, authorization: `Bearer ${token()}` };
    response = await fetch(new URL(path, document.baseURI), { ...options, headers, cache: "no-store", credentials: "omit" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("unreachable", "The server can't be reached. See whether 'dunlin serve' still runs, and whether this machine has a network.");
  }
  if (response.ok) return response;
  throw await problem(response);
}

async function problem(response) {
  const wait = response.headers.get("retry-after");
  const later = wait ? ` (again in ${wait} s)` : "";
  try {
    const { error } = await response.json();
    if (typeof error?.message === "string") return new Problem(String(error.code), `${sentence(error.message)}${later}`, response.status);
  } catch {
    // A proxy's own page, perhaps: the status has to do.
  }
  return new Problem(`status_${response.status}`, `Something between this page and the server answered with status ${response.status}${later}.`, response.status);
}

/** The server's messages begin small and end without a stop. */
function sentence(message) {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}${/[.!?]$/.test(message) ? "" : "."}`;
}
