// The worker that computes, as calls that give promises.

import { DunlinError } from "dunlin";
import type { Calls, Reply, Request } from "./protocol";

/** Told how many bytes have come, and of how many where that is known. */
export type OnProgress = (loaded: number, total: number | undefined) => void;

interface Call {
  resolve(answered: unknown): void;
  reject(error: DunlinError): void;
  onProgress: OnProgress | undefined;
}

/** Asks the worker; what goes wrong there is a {@link DunlinError} here. */
export class Computer {
  readonly #worker = new Worker(new URL("./threads/worker.ts", import.meta.url), { type: "module" });
  readonly #calls = new Map<number, Call>();
  #last = 0;
  #end: DunlinError | undefined;

  constructor() {
    this.#worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => this.#settle(data));
    this.#worker.addEventListener("error", ({ message }) => this.#stop(message || "its script can't be loaded"));
  }

  ask<Name extends keyof Calls>(
    name: Name,
    asked: Calls[Name]["asked"],
    options: { transfer?: Transferable[]; onProgress?: OnProgress } = {},
  ): Promise<Calls[Name]["answered"]> {
    if (this.#end) return Promise.reject(this.#end);
    this.#last += 1;
    const id = this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as Call["resolve"], reject, onProgress: options.onProgress });
      this.#worker.postMessage({ id, name, asked } as Request, options.transfer ?? []);
    });
  }

  #settle(reply: Reply): void {
    const call = this.#calls.get(reply.id);
    if ("loaded" in reply) return call?.onProgress?.(reply.loaded, reply.total);
    this.#calls.delete(reply.id);
    if ("failed" in reply) call?.reject(new DunlinError(reply.failed.code, reply.failed.message));
    else call?.resolve(reply.answered);
  }

  #stop(why: string): void {
    this.#end = new DunlinError("internal", `the worker ended: ${why}`);
    for (const { reject } of this.#calls.values()) reject(this.#end);
    this.#calls.clear();
  }
}
