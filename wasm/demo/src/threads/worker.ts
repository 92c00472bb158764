// Loads and runs models, one call after the other, so that the page never waits.

import { Classifier, DunlinError } from "dunlin";
import type { Calls, Failure, Model, Reply, Request, Timing } from "../protocol";

declare const self: DedicatedWorkerGlobalScope;

let classifier: Classifier | undefined;
let before: Promise<void> = Promise.resolve();

self.addEventListener("message", ({ data }: MessageEvent<Request>) => {
  before = before.then(() => answer(data));
});

async function answer(request: Request): Promise<void> {
  try {
    tell({ id: request.id, answered: await carryOut(request) });
  } catch (cause) {
    tell({ id: request.id, failed: failureOf(cause) });
  }
}

function carryOut(request: Request): Promise<Model | Timing | Calls["classify"]["answered"]> {
  switch (request.name) {
    case "load":
      return load(request.id, request.asked);
    case "classify":
      return classify(request.asked);
    case "measure":
      return measure(request.asked);
  }
}

async function load(id: number, { source, locale }: Calls["load"]["asked"]): Promise<Model> {
  const start = performance.now();
  let bytes = 0;
  const loaded = await Classifier.load(source, {
    onProgress({ loaded, total }) {
      bytes = loaded;
      tell({ id, loaded, total });
    },
  });
  const milliseconds = performance.now() - start;
  classifier?.dispose();
  classifier = loaded;
  const { kernelSet, inputs } = loaded;
  return { bytes, kernelSet, inputs, labels: loaded.labels(locale), steps: loaded.explain(), milliseconds };
}

async function classify({ picture, topK, locale }: Calls["classify"]["asked"]): Promise<Calls["classify"]["answered"]> {
  try {
    const { classes, decision } = await current().classify(picture, { topK, locale });
    return { classes, decision };
  } finally {
    if (picture instanceof ImageBitmap) picture.close();
  }
}

/**
 * The median of runs on pixels. A browser's clock may tick once a millisecond, so a run here is as many calls as take some ticks, divided
 * by their number.
 */
async function measure({ picture }: Calls["measure"]["asked"]): Promise<Timing> {
  const pixels = await pixelsOf(picture);
  const run = async (calls: number): Promise<number> => {
    const start = performance.now();
    for (let call = 0; call < calls; call += 1) await current().classify(pixels, { topK: 1 });
    return performance.now() - start;
  };
  let [calls, first] = [1, await run(1)];
  while (first < RUN && calls < 64) first = await run((calls *= 2));
  const runs = Math.min(RUNS, Math.max(3, Math.floor(ALL / first) | 1));
  const times: number[] = [];
  while (times.length < runs) times.push((await run(calls)) / calls);
  times.sort((a, b) => a - b);
  return { runs, milliseconds: times[runs >> 1] ?? 0 };
}

async function pixelsOf(picture: Blob): Promise<ImageData> {
  const bitmap = await createImageBitmap(picture);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new DunlinError("memory", `no canvas of ${width}x${height}`);
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height);
}

function current(): Classifier {
  if (!classifier) throw new DunlinError("internal", "no model was loaded");
  return classifier;
}

function failureOf(cause: unknown): Failure {
  if (cause instanceof DunlinError) return { code: cause.code, message: cause.message };
  return { code: "internal", message: cause instanceof Error ? cause.message : String(cause) };
}

function tell(reply: Reply): void {
  self.postMessage(reply);
}

/** Runs at most; odd, so that one is in the middle. */
const RUNS = 15;
/** Milliseconds that a run takes at least. */
const RUN = 8;
/** Milliseconds that runs may take together: the next call waits for them. */
const ALL = 500;
