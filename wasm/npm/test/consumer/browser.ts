// What shows a picture in a browser.
import type { Classifier } from "dunlin";

export const all = async (classifier: Classifier, image: HTMLImageElement, canvas: HTMLCanvasElement, video: HTMLVideoElement) => [
  await classifier.classify(image),
  await classifier.classify(canvas),
  await classifier.classify(video),
  await classifier.classify(new OffscreenCanvas(1, 1)),
  await classifier.classify(new ImageData(1, 1)),
  await classifier.classify(await createImageBitmap(image)),
  await classifier.classify(new VideoFrame(canvas, { timestamp: 0 })),
  await classifier.classify(new Blob([])),
];
