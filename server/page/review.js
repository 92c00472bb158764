// Review: one item large, and keys for all that can be said of it.

import { download, get, post } from "./api.js";
import { el, empty, foreign } from "./dom.js";
import { item, keysDialog } from "./item.js";
import { failed } from "./live.js";
import { fixed, plural } from "./format.js";
import { labels } from "./labels.js";
import { who } from "./session.js";

export const title = "Review";

/** Items fetched at once. */
const AT_ONCE = 20;

/** Milliseconds between looks for new items, where none waits. */
const AGAIN = 30_000;

export function open(place, route, report) {
  if (who().role !== "reviewer") {
    place.replaceChildren(el("h1", {}, "Review"), notReviewer());
    return { close: () => undefined };
  }
  const desk = new Desk(place, report);
  desk.start();
  return desk;
}

class Desk {
  #place;
  #report;
  #queue = [];
  #waiting = 0;
  #done = 0;
  #agreement = null;
  #busy = false;
  #closed = false;
  #labels = null;
  #dialog = keysDialog();
  #spoken = el("p", { class: "unseen", role: "status" });
  #problem = el("p", { class: "error", role: "alert" });
  #body = el("div");
  #bar = el("div", { class: "progress", id: "progress" });
  #timer;
  #onKey = (event) => this.#key(event);

  constructor(place, report) {
    this.#place = place;
    this.#report = report;
  }

  start() {
    document.addEventListener("keydown", this.#onKey);
    this.#timer = setInterval(() => !document.hidden && this.#queue.length === 0 && !this.#busy && this.#fill(), AGAIN);
    this.#place.replaceChildren(el("h1", { tabindex: -1 }, "Review"), this.#bar, this.#spoken, this.#body, this.#problem, exchange(this), this.#dialog);
    this.#body.replaceChildren(el("p", { class: "state dim", role: "status" }, "Loading…"));
    this.#fill();
  }

  close() {
    this.#closed = true;
    document.removeEventListener("keydown", this.#onKey);
    clearInterval(this.#timer);
  }

  /** Fetches the items that wait, and shows the first. */
  async #fill() {
    this.#busy = true;
    try {
      const [{ waiting, reviews }, agreement] = await Promise.all([get(`v1/reviews?limit=${AT_ONCE}`), get("v1/reviews/agreement")]);
      if (this.#closed) return;
      [this.#waiting, this.#agreement] = [waiting, agreement];
      this.#queue = reviews;
      this.#busy = false;
      this.#report({ at: Date.now() });
      this.#show();
    } catch (problem) {
      this.#busy = false;
      if (this.#closed) return;
      if (problem.status === 401) this.#report({ problem });
      else this.#body.replaceChildren(failed(problem, () => this.#fill()));
    }
  }

  #show() {
    const now = this.#queue[0];
    this.#progress();
    if (!now) {
      this.#labels = null;
      this.#body.replaceChildren(this.#empty());
      return;
    }
    this.#labels = labels(now, (label) => this.#say("label", label));
    const act = (key, words, what) => el("button", { on: { click: what }, "aria-keyshortcuts": key }, words, " ", el("kbd", { "aria-hidden": "true" }, key));
    const shown = item(now);
    this.#body.replaceChildren(shown, this.#labels.element, el("div", { class: "bar" },
      act("d", "None of these", () => this.#say("disagree")), act("s", "Skip", () => this.#say("skip")),
      act("u", "Undo", () => this.#undo()), act("?", "Keys", () => this.#dialog.showModal())));
    shown.focus({ preventScroll: true });
  }

  #progress() {
    const all = this.#done + this.#waiting;
    const { kappa, items, observed } = this.#agreement ?? {};
    const agreed = items ? `Cohen's kappa ${fixed(kappa, 2)} over ${plural(items, "item")} with two verdicts, ${Math.round(observed * 100)} % alike` : "No item has two verdicts yet";
    this.#bar.replaceChildren(
      el("span", {}, `${this.#done} done, ${this.#waiting} to go`),
      all ? el("progress", { max: all, value: this.#done, "aria-label": "Progress" }) : "",
      el("span", { id: "kappa" }, agreed));
  }

  #empty() {
    const words = this.#done
      ? el("p", {}, `You went through ${plural(this.#done, "item")}. New ones are shown when they come.`)
      : el("p", {}, "Items come from devices that asked the cloud and whose user agreed that a person may look: parameter 'dunlin_review' with consent 'features' or 'input'. This page looks again every half a minute.");
    const undo = el("button", { on: { click: () => this.#undo() } }, "Undo the last one ", el("kbd", { "aria-hidden": "true" }, "u"));
    return empty("Nothing waits for you", words, undo);
  }

  /** Sends a verdict, and goes on once the server has it. */
  async #say(verdict, label) {
    const now = this.#queue[0];
    if (!now || this.#busy) return;
    this.#busy = true;
    this.#problem.textContent = "";
    this.#body.setAttribute("aria-busy", "true");
    try {
      await post(`v1/reviews/${now.id}/${verdict}`, verdict === "label" ? { label } : undefined);
    } catch (problem) {
      this.#problem.textContent = problem.message;
      if (problem.status === 401) this.#report({ problem });
      // What is gone, by age or by hand, can't be judged: go on.
      if (problem.status !== 404) return;
    } finally {
      this.#busy = false;
      this.#body.removeAttribute("aria-busy");
    }
    if (this.#closed) return;
    const said = { label: `Labelled ${label}.`, skip: "Skipped.", disagree: "None of these." }[verdict];
    this.#spoken.textContent = said;
    this.#done += 1;
    this.#waiting = Math.max(0, this.#waiting - 1);
    this.#queue.shift();
    if (this.#queue.length) this.#show();
    else await this.#fill();
  }

  /** Takes back what was said last, here or before the page was loaded, and shows that item again. */
  async #undo() {
    if (this.#busy) return;
    this.#busy = true;
    this.#problem.textContent = "";
    this.#body.setAttribute("aria-busy", "true");
    let undone;
    try {
      undone = await post("v1/reviews/undo");
    } catch (problem) {
      this.#problem.textContent = problem.status === 404 ? "You have said nothing that could be taken back." : problem.message;
      if (problem.status === 401) this.#report({ problem });
      return;
    } finally {
      this.#busy = false;
      this.#body.removeAttribute("aria-busy");
    }
    if (this.#closed) return;
    const { review, said } = undone;
    const words = { label: said.label, skip: "skipped", disagree: "none of these" }[said.verdict];
    this.#queue = [{ ...review, said: words }, ...this.#queue.filter(({ id }) => id !== review.id)];
    this.#done = Math.max(0, this.#done - 1);
    this.#waiting += 1;
    this.#spoken.textContent = "Taken back: the last item again.";
    this.#show();
    await this.#agree();
  }

  /** Agreement follows what is taken back. */
  async #agree() {
    try {
      this.#agreement = await get("v1/reviews/agreement");
    } catch {
      // The next items bring it.
      return;
    }
    if (!this.#closed) this.#progress();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || this.#dialog.open) return;
    if (event.target.closest?.("input, select, textarea")) return;
    const actions = { s: () => this.#say("skip"), d: () => this.#say("disagree"), u: () => this.#undo(), "?": () => this.#dialog.showModal(), "/": () => this.#labels?.find() };
    const digit = /^[0-9]$/.test(event.key) ? (Number(event.key) + 9) % 10 : null;
    const action = digit === null ? actions[event.key.toLowerCase()] : this.#labels?.at(digit);
    if (!action || event.repeat) return;
    event.preventDefault();
    action();
  }

  /** After an import: other items may wait. */
  renew() {
    return this.#fill();
  }
}

/** Files for and from elsewhere. */
function exchange(desk) {
  const spoken = el("span", { role: "status" });
  const agreed = el("input", { type: "checkbox", id: "agreed" });
  const tried = async (what) => {
    try {
      spoken.className = "";
      spoken.textContent = (await what()) ?? "";
    } catch (problem) {
      spoken.className = "error";
      spoken.textContent = problem.message;
    }
  };
  const save = (format, name) => tried(() => download(`v1/reviews/export?format=${format}${format === "label_studio" ? "" : `&agreed=${agreed.checked}`}`, name));
  const take = (event) => tried(async () => {
    const [file] = event.target.files;
    if (!file) return "";
    const { verdicts, unknown } = await post("v1/reviews/import", await file.text());
    event.target.value = "";
    await desk.renew();
    return `${plural(verdicts, "verdict")} taken${unknown ? `, ${plural(unknown, "task")} of items that aren't here` : ""}.`;
  });
  const button = (format, name, words) => el("button", { on: { click: () => save(format, name) } }, words);
  return el("details", { id: "exchange" }, el("summary", {}, "Export and import"),
    el("div", { class: "bar" },
      button("label_studio", "reviews.json", "Label Studio's JSON"), button("csv", "reviews.csv", "CSV"), button("jsonl", "reviews.jsonl", "Lines of JSON"),
      el("label", { class: "choice" }, agreed, "of texts only those that two agree on")),
    el("div", { class: "bar" }, el("label", { class: "choice", for: "import" }, "Import Label Studio's JSON"), el("input", { type: "file", id: "import", accept: ".json,application/json", on: { change: take } })),
    el("p", {}, spoken),
    el("p", { class: "dim" }, "'dunlin calibrate --data reviews.csv' takes the CSV as it is."));
}

function notReviewer() {
  return empty("Reviewing needs a reviewer's token",
    el("p", {}, "You are signed in as ", foreign(who().name), `, a ${who().role}. Reviewers are told apart by their tokens, so that their agreement can be measured. This makes one, which is shown once:`),
    el("pre", { class: "command", tabindex: 0, role: "group", "aria-label": "Command" }, el("code", {}, "dunlin serve --data DIR --new-token reviewer --name anna")));
}
