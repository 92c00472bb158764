// The page: what its visitor does, and what comes of it.

import chelsea from "../../../models/pictures/chelsea.png?url";
import horse from "../../../models/pictures/horse.png?url";
import shipped from "../../../models/cifar10/cifar10.dunlin?url";
import { DunlinError } from "dunlin";
import { Camera } from "./camera";
import { Computer } from "./computer";
import { element } from "./elements";
import { Gallery, type Picture } from "./gallery";
import { workOffline } from "./offline";
import { aboutCamera, aboutModel, aboutPictures, NO_FILE, TOO_OLD } from "./problems";
import type { Answer } from "./protocol";
import * as view from "./view";
import { labelOf, percent } from "./words";

const LOCALE = navigator.language;
/** The most that the page lists; what it shows of them is the visitor's choice. */
const TOP_K = 10;
const SHIPPED = { name: "cifar10", source: new URL(shipped, location.href).href };
const SAMPLES: Picture[] = [
  { name: "chelsea.png", description: "A tabby cat's face", url: chelsea, file: once(() => fetched("chelsea.png", chelsea)) },
  { name: "horse.png", description: "The silhouette of a horse", url: horse, file: once(() => fetched("horse.png", horse)) },
];

const computer = new Computer();
const gallery = new Gallery((picture) => void choose(picture));
const camera = new Camera(element("camera", HTMLVideoElement), lookAtFrame, cameraEnded);
const topK = element("top-k", HTMLSelectElement);

/** When a model was asked for, in words too. */
interface ModelRequest {
  readonly at: number;
  readonly since: string;
}

/** What is looked at: a picture, or the last answer about the webcam. */
let shown: Picture | undefined;
let live: Answer | undefined;
/** When the model that was loaded last had been asked for, until it has answered once. */
let asked: ModelRequest | undefined;
let frameTimes: number[] = [];
/** Whether there is a model, or will be one. */
let loaded: Promise<boolean> = Promise.resolve(false);

// --- models --------------------------------------------------------------------------------------

function useModel(name: string, source: string | Blob, request: ModelRequest): Promise<boolean> {
  const [before, now] = [loaded, load(name, source, request)];
  // Where it fails, the model before stays.
  loaded = now.then((succeeded) => succeeded || before);
  return now;
}

async function load(name: string, source: string | Blob, request: ModelRequest): Promise<boolean> {
  view.waiting("model");
  try {
    const onProgress = (bytes: number, total: number | undefined): void => view.waiting("model", bytes, total);
    const model = await computer.ask("load", { source, locale: LOCALE }, { onProgress });
    view.model(name, model);
    view.loadTime(model.milliseconds);
    asked = request;
    view.firstAnswerTime(undefined, request.since);
    return true;
  } catch (cause) {
    view.problem(aboutModel(name, cause));
    return false;
  } finally {
    view.waiting(undefined);
  }
}

/** Another model answers anew about all that was answered before. */
async function changeModel(name: string, source: string | Blob): Promise<void> {
  if (!(await useModel(name, source, { at: performance.now(), since: "since the model was chosen" }))) return;
  view.problem(undefined);
  element("shipped", HTMLElement).hidden = source === SHIPPED.source;
  const answered = gallery.pictures.filter(({ answer }) => answer);
  for (const picture of gallery.pictures) {
    Object.assign(picture, { answer: undefined, timing: undefined });
    gallery.write(picture);
  }
  view.noAnswer();
  view.warmTime(undefined);
  // The webcam goes on, with the new model.
  if (shown && !camera.isOn && !(await look(shown))) return;
  for (const picture of answered) {
    try {
      await classified(picture);
    } catch (cause) {
      view.problem(aboutPictures([picture.name], cause));
      return;
    }
  }
}

/** Called with each answer: tells how long the first one took. */
function noteAnswer(): void {
  if (asked) view.firstAnswerTime(performance.now() - asked.at, asked.since);
  asked = undefined;
}

// --- pictures ------------------------------------------------------------------------------------

async function choose(picture: Picture): Promise<void> {
  if (await loaded) view.problem(undefined);
  await look(picture);
}

/** Shows a picture and what the model says of it. Whether there was an answer. */
async function look(picture: Picture): Promise<boolean> {
  camera.stop();
  shown = picture;
  live = undefined;
  view.stage(picture);
  gallery.mark(picture);
  // Why there is none was told.
  if (!(await loaded)) return false;
  if (shown !== picture) return true;
  view.waiting("picture");
  try {
    const answer = await classified(picture);
    if (shown !== picture) return true;
    answered(answer, picture.name);
    noteAnswer();
    picture.timing ??= await computer.ask("measure", { picture: await picture.file() });
    if (shown === picture) view.warmTime(picture.timing);
    return true;
  } catch (cause) {
    if (shown === picture) {
      view.noAnswer();
      view.problem(aboutPictures([picture.name], cause));
    }
    return false;
  } finally {
    if (shown === picture) view.waiting(undefined);
  }
}

async function classified(picture: Picture): Promise<Answer> {
  picture.answer ??= await computer.ask("classify", { picture: await picture.file(), topK: TOP_K, locale: LOCALE });
  gallery.write(picture);
  return picture.answer;
}

function answered(answer: Answer, of: string): void {
  view.answer(answer, Number(topK.value));
  const best = answer.classes[0];
  if (best) view.say(`${labelOf(best)}, ${percent(best.probability)}: ${of}`);
}

/** Files from anywhere: models are loaded, pictures are looked at, and those that are neither are told. */
async function take(files: Iterable<File>): Promise<void> {
  const [models, others] = await sorted(files);
  if (models.length + others.length === 0) return view.problem(NO_FILE);
  for (const model of models) await changeModel(model.name, model);
  if (others.length === 0 || !(await loaded)) return;
  view.problem(undefined);
  const refused: { name: string; cause: unknown }[] = [];
  for (const file of others) {
    const picture: Picture = { name: file.name, url: URL.createObjectURL(file), file: () => Promise.resolve(file) };
    try {
      await classified(picture);
    } catch (cause) {
      URL.revokeObjectURL(picture.url);
      refused.push({ name: file.name, cause });
      continue;
    }
    gallery.add(picture, "first");
    gallery.write(picture);
    // The first that is one is shown; the others go on meanwhile.
    if (others.indexOf(file) === refused.length) void look(picture);
  }
  const [first] = refused;
  if (first) view.problem(aboutPictures(refused.map(({ name }) => name), first.cause));
}

async function sorted(files: Iterable<File>): Promise<[models: File[], others: File[]]> {
  const [models, others]: [File[], File[]] = [[], []];
  for (const file of files) ((await isModel(file)) ? models : others).push(file);
  return [models, others];
}

/** By its name, or by how artifacts begin. */
async function isModel(file: File): Promise<boolean> {
  if (file.name.toLowerCase().endsWith(".dunlin")) return true;
  try {
    return (await file.slice(0, 6).text()) === "DUNLIN";
  } catch {
    // A folder, or a file that is gone: as a picture it gets its message.
    return false;
  }
}

async function fetched(name: string, url: string): Promise<Blob> {
  try {
    const response = await fetch(url);
    if (response.ok) return await response.blob();
    throw new DunlinError("fetch", `${name}: HTTP ${response.status}`);
  } catch (cause) {
    throw cause instanceof DunlinError ? cause : new DunlinError("fetch", `${name} can't be fetched`, { cause });
  }
}

/** The same promise each time, unless it failed. */
function once<T>(action: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | undefined;
  return () => {
    kept ??= action();
    kept.catch(() => (kept = undefined));
    return kept;
  };
}

// --- the webcam ----------------------------------------------------------------------------------

async function toggleCamera(): Promise<void> {
  if (camera.isOn) {
    camera.stop();
    if (shown) await look(shown);
    return;
  }
  if (!(await loaded)) return;
  view.problem(undefined);
  const button = element("webcam", HTMLButtonElement);
  button.disabled = true;
  try {
    await camera.start();
    frameTimes = [];
    view.stage("camera");
    view.warmTime(undefined, "webcam frames");
    gallery.mark(undefined);
  } catch (cause) {
    view.problem(aboutCamera(cause));
  } finally {
    button.disabled = false;
    button.focus();
  }
}

async function lookAtFrame(frame: ImageBitmap): Promise<void> {
  const start = performance.now();
  const answer = await computer.ask("classify", { picture: frame, topK: TOP_K, locale: LOCALE }, { transfer: [frame] });
  if (!camera.isOn) return;
  noteAnswer();
  frameTimes = [...frameTimes, performance.now() - start].slice(-15);
  view.warmTime({ runs: frameTimes.length, milliseconds: [...frameTimes].sort((a, b) => a - b)[frameTimes.length >> 1] ?? 0 }, "webcam frames");
  const [before, now] = [live?.classes[0]?.index, answer.classes[0]];
  live = answer;
  view.answer(answer, Number(topK.value));
  // Each change of the answer is said, not each frame.
  if (now && now.index !== before) view.say(`${labelOf(now)}: webcam`);
}

function cameraEnded(cause: unknown): void {
  const sentence = cause instanceof DunlinError ? aboutPictures(["The webcam's picture"], cause) : aboutCamera(cause);
  void (shown ? look(shown) : Promise.resolve()).then(() => view.problem(sentence));
}

// --- what the visitor does -----------------------------------------------------------------------

function chooser(button: string, input: string, onFiles: (files: File[]) => Promise<void>): void {
  const field = element(input, HTMLInputElement);
  element(button, HTMLButtonElement).addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    const files = [...(field.files ?? [])];
    // So that the same file can be chosen again.
    field.value = "";
    void onFiles(files);
  });
}

function drops(): void {
  const dragging = (on: boolean): void => void document.body.classList.toggle("dragging", on);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    dragging(event.dataTransfer?.types.includes("Files") ?? false);
  });
  document.addEventListener("dragleave", ({ relatedTarget }) => {
    if (relatedTarget === null) dragging(false);
  });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    dragging(false);
    void take([...(event.dataTransfer?.files ?? [])]);
  });
  document.addEventListener("paste", ({ clipboardData }) => void take([...(clipboardData?.files ?? [])]));
}

chooser("choose", "choose-files", take);
chooser("load-model", "load-model-file", async ([file]) => {
  if (file) await changeModel(file.name, file);
});
drops();
element("shipped", HTMLElement).addEventListener("click", () => void changeModel(SHIPPED.name, SHIPPED.source));
element("webcam", HTMLElement).addEventListener("click", () => void toggleCamera());
element("problem-close", HTMLElement).addEventListener("click", () => {
  view.problem(undefined);
  element("choose", HTMLElement).focus();
});
topK.addEventListener("change", () => view.answer(live ?? shown?.answer, Number(topK.value)));

async function begin(): Promise<void> {
  if (typeof WebAssembly !== "object" || typeof OffscreenCanvas !== "function") return view.problem(TOO_OLD);
  for (const sample of SAMPLES) gallery.add(sample, "last");
  const [first] = SAMPLES;
  if (first) {
    shown = first;
    view.stage(first);
    gallery.mark(first);
  }
  // Both are under way at once; what can't be fetched is told when it is looked at.
  first?.file().catch(() => undefined);
  if ((await useModel(SHIPPED.name, SHIPPED.source, { at: 0, since: "since the page opened" })) && first) await look(first);
  await workOffline();
}

void begin();
