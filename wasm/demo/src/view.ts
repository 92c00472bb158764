// What stands on the page, besides the strip of pictures.

import type { RankedClass, StepInfo } from "dunlin";
import { element, made } from "./elements";
import type { Picture } from "./gallery";
import type { Answer, Model, Timing } from "./protocol";
import { bytes, decided, grouped, labelOf, milliseconds, percent, some, tensor } from "./words";

const page = {
  shown: element("shown", HTMLImageElement),
  camera: element("camera", HTMLVideoElement),
  webcam: element("webcam", HTMLButtonElement),
  answer: element("answer", HTMLElement),
  headline: element("headline", HTMLElement),
  decision: element("decision", HTMLElement),
  waiting: element("waiting", HTMLElement),
  progress: element("progress", HTMLProgressElement),
  classes: element("classes", HTMLOListElement),
  spoken: element("spoken", HTMLElement),
  problem: element("problem", HTMLElement),
  problemText: element("problem-text", HTMLElement),
  steps: element("steps", HTMLElement),
};

/** Says what went wrong, until it is closed or something works again. */
export function problem(sentence: string | undefined): void {
  page.problem.hidden = sentence === undefined;
  page.problemText.textContent = sentence ?? "";
}

/** Shows a picture, or what the webcam sees. */
export function stage(picture: Picture | "camera"): void {
  const live = picture === "camera";
  page.camera.hidden = !live;
  page.shown.hidden = live;
  page.webcam.setAttribute("aria-pressed", String(live));
  element("webcam", HTMLElement).querySelector("span")?.replaceChildren(live ? "Stop the webcam" : "Use the webcam");
  if (!live) Object.assign(page.shown, { src: picture.url, alt: picture.description ?? picture.name });
}

/** Shows that something is under way. */
export function waiting(what: "model" | "picture" | undefined, loaded?: number, total?: number): void {
  page.answer.setAttribute("aria-busy", String(what !== undefined));
  page.waiting.hidden = what !== "model";
  if (loaded !== undefined && total) Object.assign(page.progress, { max: total, value: loaded });
  else page.progress.removeAttribute("value");
}

/** The classes as bars, the best one and what is to be done above them. */
export function answer(said: Answer | undefined, topK: number): void {
  const classes = said?.classes ?? [];
  page.decision.textContent = said ? decided(said) : "";
  const best = classes[0];
  page.headline.replaceChildren(...(best ? [made("span", "label", labelOf(best)), " ", made("span", "percent", percent(best.probability))] : []));
  const rows = classes.slice(0, topK);
  while (page.classes.children.length > rows.length) page.classes.lastElementChild?.remove();
  rows.forEach((ranked, place) => fill(page.classes.children[place] ?? page.classes.appendChild(row()), ranked));
}

/** Takes the answer away, where there is none. */
export function noAnswer(): void {
  answer(undefined, 0);
}

/** For who listens. */
export function say(words: string): void {
  if (page.spoken.textContent !== words) page.spoken.textContent = words;
}

export function model(name: string, { bytes: size, kernelSet, inputs, labels, steps }: Model): void {
  write("model-name", name);
  write("model-size", bytes(size));
  element("model-kernels", HTMLElement).replaceChildren(...breakable(kernelSet, "_"));
  write("model-inputs", inputs.map(tensor).join(", "));
  write("model-labels", some(labels, 12));
  write("explain-count", ` in ${grouped(steps.length)} ${steps.length === 1 ? "step" : "steps"}`);
  page.steps.replaceChildren(...steps.map(stepRow));
}

export function loadTime(time: number): void {
  write("time-load", milliseconds(time));
}

export function firstAnswerTime(time: number | undefined, since: string): void {
  write("time-first", time === undefined ? "–" : milliseconds(time));
  write("time-first-what", since);
}

export function warmTime(timing: Timing | undefined, what?: "webcam frames"): void {
  write("time-warm", timing ? milliseconds(timing.milliseconds) : "–");
  write("time-warm-what", ["median", ...(timing ? [`of ${timing.runs}`] : []), ...(what ? [what] : [])].join(" "));
}

function write(id: string, text: string): void {
  element(id, HTMLElement).textContent = text;
}

function stepRow(step: StepInfo, place: number): HTMLTableRowElement {
  const [line, number] = [made("tr"), Object.assign(made("th", "number", String(place + 1)), { scope: "row" })];
  const work = step.macs ? grouped(step.macs) : "–";
  line.append(number, made("td", "", step.name), kernel(step.kernel), made("td", "", tensor(step)));
  line.append(made("td", "number", grouped(step.bytes)), made("td", "number", work));
  return line;
}

function row(): HTMLLIElement {
  const line = made("li");
  const bar = made("span", "bar");
  bar.append(made("span", "fill"));
  bar.ariaHidden = "true";
  line.append(made("span", "label"), made("span", "percent"), bar);
  return line;
}

function fill(line: Element, ranked: RankedClass): void {
  const [label, value, bar] = line.children;
  label?.replaceChildren(labelOf(ranked));
  value?.replaceChildren(percent(ranked.probability));
  if (bar?.firstElementChild instanceof HTMLElement) bar.firstElementChild.style.inlineSize = `${ranked.probability * 100}%`;
}

function kernel(name: string): HTMLTableCellElement {
  const cell = made("td", "kernel");
  cell.append(...breakable(name, "/"));
  return cell;
}

/** Lines may break after these characters. */
function breakable(text: string, after: string): (string | HTMLElement)[] {
  return text.split(after).flatMap((part, place) => (place ? [after, made("wbr"), part] : [part]));
}
