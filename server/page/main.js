// Which screen is shown: the address after '#/' says it, so that each can be linked.

import * as alerts from "./alerts.js";
import * as answers from "./answers.js";
import { get } from "./api.js";
import { el, foreign } from "./dom.js";
import * as drift from "./drift.js";
import * as fleet from "./fleet.js";
import { live, failed } from "./live.js";
import * as review from "./review.js";
import { forget, know, token, who } from "./session.js";
import { signIn } from "./signin.js";

const SCREENS = { fleet, drift, answers, alerts, review };
const part = (id) => document.getElementById(id);

/** What is on the screen, how to end it, and which screen it is. */
let current = null;
let shown = "";

/** `#/drift/<model>/class?cohort=locale:de` as its screen, parts and query. Other addresses are the fleet's. */
function route() {
  const [path, query] = (location.hash.startsWith("#/") ? location.hash.slice(2) : "").split("?");
  const [name, ...parts] = path.split("/").map(decoded);
  return Object.hasOwn(SCREENS, name) ? { name, parts, query: new URLSearchParams(query) } : { name: "fleet", parts: [], query: new URLSearchParams() };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

async function open() {
  current?.close();
  current = null;
  if (!token()) return welcome();
  if (!who()) {
    try {
      know(await get("v1/me"));
    } catch (problem) {
      return refused(problem);
    }
  }
  show(route());
}

function show(at) {
  const screen = SCREENS[at.name];
  document.title = `${screen.title} – Dunlin`;
  head(at.name);
  report({ at: Date.now(), quiet: true });
  const place = part("main");
  // Another choice on the same screen leaves the fields where they are.
  const kept = shown === at.name;
  shown = at.name;
  current = screen.open ? screen.open(place, at, report) : live(place, (signal) => screen.load(at, signal), screen.show, report, kept);
}

function head(name) {
  const link = ([of, { title }]) => el("a", { href: `#/${of}`, id: `nav-${of}`, "aria-current": of === name ? "page" : null }, title);
  part("nav").replaceChildren(...Object.entries(SCREENS).map(link));
  part("nav").hidden = false;
  part("who-name").replaceChildren(foreign(who().name), who().name === who().role ? "" : `, ${who().role}`);
  part("who").hidden = false;
}

/** What came of a try to load: the foot says when it went well, a line above the content when not. */
function report({ at, problem, quiet }) {
  const clock = (ms) => new Date(ms).toLocaleTimeString("en-GB");
  const stale = part("stale");
  if (problem?.status === 401) return refused(problem);
  if (!problem) {
    stale.hidden = true;
    part("fresh").textContent = quiet ? "" : `Refreshed at ${clock(at)}, every 30 s while this tab is seen`;
    return;
  }
  stale.hidden = !at;
  stale.textContent = at ? `Shown as of ${clock(at)}: it couldn't be refreshed. ${problem.message}` : "";
}

function refused(problem) {
  if (problem.status !== 401 && problem.status !== 403) {
    shown = "";
    part("main").replaceChildren(failed(problem, open));
    return;
  }
  forget();
  const role = "This token is a device's. People sign in with a publisher's or a reviewer's: 'dunlin serve --data DIR --new-token reviewer --name NAME' makes one.";
  welcome(problem.status === 403 ? role : problem.message);
}

function welcome(message = "") {
  current?.close();
  current = null;
  shown = "";
  part("nav").hidden = true;
  part("who").hidden = true;
  part("stale").hidden = true;
  part("fresh").textContent = "";
  document.title = "Sign in – Dunlin";
  signIn(part("main"), message, open);
}

addEventListener("hashchange", () => {
  // Links within a page aren't addresses of screens.
  if (location.hash !== "" && !location.hash.startsWith("#/")) return;
  const before = document.activeElement;
  open().then(() => {
    // Who followed a link of the navigation goes on from the content; a field or a cell keeps the focus.
    if (!before || before === document.body || before.closest("nav")) part("main").focus({ preventScroll: true });
  });
});
part("skip").addEventListener("click", () => part("main").focus());
part("sign-out").addEventListener("click", () => {
  forget();
  welcome();
});
open();
