// The labels that an item may get: with digits as keys, found by typing where there are many, typed where nobody knows them.

import { el, foreign } from "./dom.js";
import { plural } from "./format.js";

/** Labels that are shown at once, as many as there are digits. */
const SHOWN = 10;

/** Labels that were typed for models whose server doesn't tell its own. */
const typed = new Set();

/** `element` to choose from; `at(digit)` acts for the label of that place, `find()` goes to the field. `chosen` hears of the label. */
export function labels(review, chosen) {
  return review.labels.length ? known(review, chosen) : free(chosen);
}

function known(review, chosen) {
  const list = el("ul", { class: "labels", "aria-label": "Labels" });
  const more = el("p", { class: "dim", id: "more-labels", role: "status" });
  let shown = [];
  const draw = (wanted) => {
    const fits = review.labels.filter((label) => label.toLowerCase().includes(wanted));
    // What begins so comes first.
    fits.sort((a, b) => Number(b.toLowerCase().startsWith(wanted)) - Number(a.toLowerCase().startsWith(wanted)));
    shown = wanted ? fits.slice(0, SHOWN) : nearest(review).slice(0, SHOWN);
    list.replaceChildren(...shown.map((label, index) => el("li", {}, button(label, (index + 1) % 10, label === (review.said ?? ""), () => chosen(label)))));
    const hidden = (wanted ? fits.length : review.labels.length) - shown.length;
    more.textContent = hidden > 0 ? `${plural(hidden, "more label")}: type to find one.` : shown.length ? "" : "No label has these letters.";
  };
  draw("");
  if (review.labels.length <= SHOWN) return { element: list, at: act(() => shown, chosen), find: () => undefined };
  const field = el("input", { id: "find", type: "search", autocomplete: "off", placeholder: "Find a label", on: {
    input: () => draw(field.value.trim().toLowerCase()),
    keydown: (event) => leave(event, () => shown[0] !== undefined && field.value.trim() && chosen(shown[0])),
  } });
  const find = el("div", { class: "bar" }, el("label", { class: "choice", for: "find" }, "Find ", el("kbd", { "aria-hidden": "true" }, "/")), field, more);
  return { element: el("div", {}, find, list), at: act(() => shown, chosen), find: () => field.focus() };
}

/** The predicted label first, where there are more than can be shown; else in their order, so that digits stay the same. */
function nearest({ labels: all, predicted }) {
  if (all.length <= SHOWN || !all.includes(predicted)) return all;
  return [predicted, ...all.filter((label) => label !== predicted)];
}

function free(chosen) {
  const said = [...typed].slice(-SHOWN);
  const list = el("ul", { class: "labels", "aria-label": "Labels typed before" });
  const take = (label) => {
    typed.add(label);
    chosen(label);
  };
  list.append(...said.map((label, index) => el("li", {}, button(label, (index + 1) % 10, false, () => take(label)))));
  const field = el("input", { id: "find", type: "text", autocomplete: "off", maxlength: 256, on: { keydown: (event) => leave(event, () => field.value.trim() && take(field.value.trim())) } });
  const give = el("button", { on: { click: () => field.value.trim() && take(field.value.trim()) } }, "Give it");
  const bar = el("div", { class: "bar" }, el("label", { class: "choice", for: "find" }, "The server that answered doesn't tell its labels. Label ", el("kbd", { "aria-hidden": "true" }, "/")), field, give);
  return { element: el("div", {}, said.length ? list : null, bar), at: act(() => said, take), find: () => field.focus() };
}

/** Enter takes, Escape goes back to the keys. */
function leave(event, take) {
  if (event.key === "Enter") take();
  else if (event.key === "Escape") document.getElementById("item")?.focus();
  else return;
  event.preventDefault();
}

const act = (shown, take) => (digit) => (shown()[digit] === undefined ? null : () => take(shown()[digit]));

function button(label, digit, was, click) {
  return el("button", { class: was ? "was" : null, "aria-keyshortcuts": digit, on: { click } }, el("kbd", { "aria-hidden": "true" }, digit), foreign(label));
}
