// An app as its developer writes it; it shows what it found.
import { Classifier } from "dunlin";
import Runner from "./worker.ts?worker";

const MODEL = "/models/cifar10/cifar10.dunlin";
const PICTURE = "/models/pictures/chelsea.png";

async function inPage(): Promise<string | undefined> {
  const classifier = await Classifier.load(MODEL);
  const { classes } = await classifier.classify(await (await fetch(PICTURE)).blob());
  return classes[0]?.label;
}

function inWorker(): Promise<string | undefined> {
  const worker = new Runner();
  worker.postMessage([MODEL, PICTURE].map((path) => new URL(path, location.href).href));
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
  });
}

const answers = await Promise.all([inPage(), inWorker()]).catch((error: unknown) => [String(error)]);
document.body.dataset["answer"] = answers.join();
