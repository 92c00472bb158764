// Screens that show what the server says now: loading, shown, refreshed, stale, or out of order.

import { el } from "./dom.js";

/** Milliseconds between refreshes, while the tab is seen. */
export const EVERY = 30_000;

/**
 * Keeps `place` up to date. `load(signal)` gets the data, `show(data)` makes elements of them; `report(state)` hears of each try:
 * `{ at }` when it went well, `{ problem }` when not. With `kept`, what is in the place stays until there is something new.
 */
export function live(place, load, show, report, kept = false) {
  let shown = null;
  let at = 0;
  let under = null;

  async function refresh() {
    under?.abort();
    const own = new AbortController();
    under = own;
    try {
      const data = await load(own.signal);
      if (own.signal.aborted) return;
      at = Date.now();
      const text = JSON.stringify(data);
      if (text !== shown) replace(place, show(data));
      shown = text;
      report({ at });
    } catch (problem) {
      if (own.signal.aborted || problem.name === "AbortError") return;
      report({ problem, at });
      // Whoever heard of it may have closed this screen.
      if (own.signal.aborted) return;
      if (shown === null) place.replaceChildren(failed(problem, refresh));
    } finally {
      if (under === own) {
        under = null;
        place.removeAttribute("aria-busy");
      }
    }
  }

  if (kept) place.setAttribute("aria-busy", "true");
  else place.replaceChildren(el("p", { class: "state dim", role: "status" }, "Loading…"));
  const due = () => !document.hidden && !under && Date.now() - at >= EVERY && refresh();
  const timer = setInterval(due, 1000);
  document.addEventListener("visibilitychange", due);
  const close = () => {
    under?.abort();
    place.removeAttribute("aria-busy");
    clearInterval(timer);
    document.removeEventListener("visibilitychange", due);
  };
  return { ready: refresh(), refresh, close };
}

/** Puts new elements in the place of old ones; what was open stays open, and the focus stays where it was. */
function replace(place, elements) {
  const open = [...place.querySelectorAll("details[open]")].map((details) => details.id);
  const focused = place.contains(document.activeElement) ? document.activeElement.id : "";
  place.replaceChildren(...[elements].flat(Infinity).filter(Boolean));
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

/** What went wrong, and a button to try again. */
export function failed(problem, again) {
  const code = problem.code ? el("p", { class: "dim" }, `Error: ${problem.code}`) : null;
  if (!problem.code) console.error(problem);
  return el("section", { class: "state bad", role: "alert" },
    el("h2", {}, "This can't be shown"),
    el("p", {}, problem.code ? problem.message : "The server's answer isn't what this page expects. Reload the page: the server may have been updated."),
    code,
    el("button", { on: { click: again } }, "Try again"));
}
