// Alerts: where the fleet isn't as it was, the newest first, and what to do.

import { get } from "./api.js";
import { badge, el, empty, foreign, plain } from "./dom.js";
import { ago, chance, cohort, day, metric, moment, percent, plural } from "./format.js";
import { bin, name, names } from "./models.js";

export const title = "Alerts";

/** As long as a server keeps them by itself. */
const DAYS = 90;

export async function load(route, signal) {
  const [{ alerts }, known] = await Promise.all([get(`v1/alerts?days=${DAYS}`, signal), names(signal)]);
  return { alerts, known };
}

export function show({ alerts, known }) {
  if (!alerts.length) {
    return [el("h1", {}, "Alerts"), empty("No alerts",
      el("p", {}, `In the last ${DAYS} days no metric of a model was otherwise than expected in two windows in a row, neither for all devices nor for a cohort.`),
      el("p", { class: "dim" }, "A window is a day; it is compared once a hundred devices told of it. Screen Drift shows each comparison."))];
  }
  return [el("h1", {}, "Alerts"), el("p", { class: "dim" }, `${plural(alerts.length, "alert")} in ${DAYS} days; those of days in a row are shown together.`), together(alerts).map((row) => one(row, known))];
}

/** Alerts of the same metric and devices, one day after the other: the newest first, in each row and of all. */
function together(alerts) {
  const rows = [];
  for (const alert of alerts) {
    const key = JSON.stringify([alert.model, alert.metric, alert.cohort]);
    const row = rows.find((row) => row.key === key && row.alerts.at(-1).day === alert.day + 1);
    if (row) row.alerts.push(alert);
    else rows.push({ key, alerts: [alert] });
  }
  return rows.map((row) => row.alerts);
}

function one([alert, ...before], known) {
  const of = Object.entries(alert.cohort).map(([key, value]) => `${key}:${value}`).join(",");
  const asked = new URLSearchParams({ ...(of && { cohort: of }), day: alert.day });
  const [todo, does] = ACTIONS[alert.action] ?? [alert.action, ""];
  return el("section", { class: "alert" },
    el("h2", {}, foreign(name(known, alert.model)), `: ${metric(alert.metric)} of `, foreign(cohort(of))),
    el("p", { class: "dim" }, `${day(alert.day)}, raised ${ago(alert.raised, Date.now())} (${moment(alert.raised)})`),
    el("p", {}, `${percent(alert.moved)} of answers moved to other bins, in the last of ${alert.windows} suspect windows in a row. ${seen(alert)}`),
    before.length ? el("p", {}, `Before that: ${before.map(({ day: at, moved }) => `${percent(moved)} on ${day(at)}`).join(", ")}.`) : null,
    el("p", { class: "dim" }, `${plural(alert.reports, "report")}; the probability of as much by chance is ${chance(alert.chance)} among all that was asked of this day. At least ${plural(alert.liars, "device")} would have to lie to make it of nothing.`),
    el("p", {}, badge(alert.action === "alert" ? "warn" : "bad", todo), " ", does),
    el("p", { class: "links" }, el("a", { href: `#/drift/${alert.model}/${alert.metric}?${asked}` }, "The window beside its baseline"), el("a", { href: `#/answers/${alert.model}` }, "Its answers")));
}

/** The bins that changed most, the first of them first. */
function seen({ metric: of, labels, expected, seen: now }) {
  const changes = labels.map((label, bin) => [label, expected[bin], now[bin]]).sort((a, b) => Math.abs(b[2] - b[1]) - Math.abs(a[2] - a[1]));
  const told = changes.slice(0, 3).filter(([, before, after]) => Math.abs(after - before) >= 0.01).map(([label, before, after]) => `${plain(bin(of, label))} ${percent(before)} → ${percent(after)}`);
  return told.length ? `Most changed: ${told.join(", ")}.` : "";
}

const ACTIONS = {
  alert: ["look", "See which bins changed and since when: what users send may be new, or the app may prepare it otherwise. Label some of it in Review."],
  raise_fallback: ["raise fallback", "Let devices ask the cloud more often: calibrate with recent labels, which raises the threshold, and publish the model with it."],
  hold: ["hold the rollout", "Give this version to nobody else until it is known what happens: 'dunlin hold' says so to devices."],
  roll_back: ["roll back", "Go back to the version before: 'dunlin rollback' withdraws this one, and devices return by themselves."],
};
