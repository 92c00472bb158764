// Sends requests with the platform's `fetch`.

import type { Failure, Request } from "../sync-glue.js";

/** A server's answer, whatever its status. */
export interface Answer {
  readonly status: number;
  /** Names in lower case, each with its value after it. */
  readonly headers: string[];
  readonly body: Uint8Array<ArrayBuffer>;
}

/**
 * Sends a request, and gives the whole answer or why there is none. Nothing goes along that says who asks: no cookies, no referrer; and no
 * cache answers.
 */
export async function send(request: Request): Promise<Answer | Failure> {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), Math.min(request.timeout, LONGEST));
  // The platform doesn't tell what it failed at: a request may have reached the server.
  let stage: Failure = "connect";
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: request.headers,
      ...(request.method !== "GET" && { body: request.body }),
      cache: "no-store",
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: control.signal,
    });
    stage = "broken";
    const body = await limited(response, request.maxBytes);
    if (!body) return "too_long";
    return { status: response.status, headers: [...response.headers].flat(), body };
  } catch {
    return control.signal.aborted ? "timeout" : request.method === "GET" ? stage : "broken";
  } finally {
    clearTimeout(timer);
    // What is still under way is of no use to anyone.
    control.abort();
  }
}

/** The body, unless it is longer than that. */
async function limited(response: Response, most: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const reader = response.body?.getReader();
  if (!reader) return new Uint8Array();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) return undefined;
    pieces.push(value);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

/** What timers hold; longer ones would end at once. */
export const LONGEST = 0x7fffffff;
