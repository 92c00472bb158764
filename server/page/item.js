// An item of the review: what a device's user agreed to show, and what is known of it.

import { el, foreign, plain, table } from "./dom.js";
import { ago, fixed, percent, words } from "./format.js";

/** More letters are shown smaller. */
const LONG = 400;

const STATES = { open: null, labelled: "another reviewer gave it a label", disputed: "reviewers don't agree on it", agreed: "two reviewers agree on it" };

const REASONS = { audit: "an audit: taken at random" };

/** Everything of an item but its labels. Nothing tells what others said of it. */
export function item(review) {
  const long = (review.text?.length ?? 0) > LONG;
  return el("section", { class: `item${long ? " long" : ""}`, id: "item", tabindex: -1, "aria-label": "Item" },
    el("div", { class: "input", tabindex: 0, role: "group", "aria-label": "What the device sent" }, input(review)),
    el("dl", { class: "about" }, facts(review).map(([name, value]) => el("div", {}, el("dt", {}, `${name}:`), el("dd", {}, value)))));
}

function input({ text, picture, logits, labels }) {
  // As written, but for characters that act on what surrounds them.
  if (typeof text === "string") return text === "" ? el("p", { class: "dim" }, "An empty text.") : el("blockquote", { dir: "auto" }, plain(text));
  if (typeof picture === "string" && picture.startsWith("data:image/png;base64,")) return el("img", { src: picture, alt: "The picture to be labelled" });
  if (Array.isArray(logits)) {
    const most = logits.map((logit, index) => [logit, index]).sort((a, b) => b[0] - a[0]).slice(0, 10);
    const name = (index) => (labels[index] === undefined ? `class ${index}` : foreign(labels[index]));
    return [el("p", { class: "dim" }, "Its user agreed to send what the model computed, not the input."), table("Logits", [["Class"], ["Logit", "n"]], most.map(([logit, index]) => [name(index), fixed(logit, 2)]))];
  }
  return el("p", { class: "dim" }, "This item can't be shown here.");
}

function facts({ predicted, probability, cloud, reason, at, state, said }) {
  return [
    said && ["You said", foreign(said)],
    ["The cloud says", [foreign(predicted || "nothing"), predicted ? ` (${percent(probability)})` : ""]],
    ["by", foreign(cloud)],
    ["asked because", REASONS[reason] ?? words(plain(reason))],
    ["asked", ago(at, Date.now())],
    STATES[state] && ["so far", STATES[state]],
  ].filter(Boolean);
}

/** What the keys do. */
export function keysDialog() {
  const dialog = el("dialog", { "aria-labelledby": "keys-title" });
  const keys = [["1 to 9, 0", "the label with that number"], ["s", "skip: somebody else shall say"], ["d", "none of these labels"], ["u", "undo: take back what you said last"], ["/", "find a label, or type one"], ["?", "these keys"]];
  dialog.append(
    el("h2", { id: "keys-title" }, "Keys"),
    el("dl", {}, keys.map(([key, does]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, does)])),
    el("button", { class: "main", on: { click: () => dialog.close() } }, "Close"));
  return dialog;
}
