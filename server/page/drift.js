// Drift: a model's answers in the fleet beside those that were expected, by metric and cohort.

import { get } from "./api.js";
import { bars, series } from "./charts.js";
import { choice, el, numbers, section, table, wide } from "./dom.js";
import { capital, chance, cohort, count, day, fixed, metric, percent, round, shortDay } from "./format.js";
import { address, bin, chosen, cohortChoice, go, modelChoice, noBaseline, noSummaries } from "./models.js";

export const title = "Drift";

const DAYS = 30;

export async function load(route, signal) {
  const { known, model } = await chosen(route, signal);
  if (!model) return { model };
  const asked = new URLSearchParams({ days: DAYS, metric: route.parts[1] ?? "class" });
  if (route.query.get("cohort")) asked.set("cohort", route.query.get("cohort"));
  const drift = await get(`v1/models/${model}/drift?${asked}`, signal);
  return { known, model, drift, day: Number(route.query.get("day")) || null };
}

export function show({ known, model, drift, day: wanted }) {
  const heading = el("h1", {}, "Drift");
  if (!model) return [heading, noBaseline("Drift")];
  const at = { model, metric: drift.metric, cohort: drift.cohort };
  const move = (change) => {
    const next = { ...at, ...change };
    go("drift", [next.model, next.metric], { cohort: next.cohort });
  };
  const choices = el("div", { class: "choices" },
    modelChoice(known, model, (to) => move({ model: to, metric: "class", cohort: "" })),
    choice("metric", "Metric", drift.metrics.map((one) => [one, metric(one)]), drift.metric, (to) => move({ metric: to })),
    cohortChoice(drift.cohorts, drift.cohort, (to) => move({ cohort: to })));
  if (!drift.days.length) return [heading, choices, noSummaries()];
  const window = drift.windows.find((one) => one.day === wanted) ?? drift.windows.at(-1);
  return [
    heading,
    el("p", { class: "dim" }, `Each window is a day, and each device has one vote in it. A window is suspect if it differs from what was expected by more than chance, among all that is asked of a day, and by ${percent(drift.rules.floor)} of answers or more; two suspect ones in a row raise an alert.`),
    choices,
    el("div", { class: "parts" },
      overview(drift, at, window),
      window ? [shares(drift, window), effect(drift), probability(drift)] : section(capital(metric(drift.metric)), el("p", { class: "dim" }, "No device of these told of this metric."))),
  ];
}

/** The share of answers that moved, for each metric and day. */
function overview({ metrics, days, findings, cohort: of }, at, window) {
  const last = days.slice(-14);
  const found = new Map(findings.map((finding) => [`${finding.metric} ${finding.day}`, finding]));
  const cell = (name, of) => {
    const finding = found.get(`${name} ${of}`);
    const here = name === at.metric && of === window?.day ? " here" : "";
    if (!finding) return el("td", { class: "dim" }, "·");
    const kind = (finding.suspect ? "hot" : finding.adjusted <= 0.05 ? "rising" : "") + here;
    const shown = finding.suspect ? `${percent(finding.moved)} !` : percent(finding.moved);
    const label = `${metric(name)}, ${day(of)}: ${percent(finding.moved)} moved${finding.suspect ? ", suspect" : ""}`;
    return el("td", { class: kind }, el("a", { id: `cell-${name}-${of}`, href: address("drift", [at.model, name], { cohort: at.cohort, day: of }), "aria-label": label, "aria-current": here ? "true" : null }, shown));
  };
  const rows = metrics.map((name) => el("tr", {}, el("th", { scope: "row" }, metric(name)), last.map((of) => cell(name, of))));
  const head = el("tr", {}, el("td"), last.map((of) => el("th", { scope: "col", class: "dim" }, shortDay(of))));
  const grid = el("div", { class: "scroll", role: "region", "aria-label": "Metrics by day", tabindex: 0 }, el("table", { class: "heat" }, el("thead", {}, head), el("tbody", {}, rows)));
  // Where it is too wide, the newest days are seen first.
  requestAnimationFrame(() => (grid.scrollLeft = grid.scrollWidth));
  return wide("Answers that moved to other bins",
    el("p", { class: "dim" }, `Of ${cohort(of)}, by metric and day. Those with ! are suspect; a dot means too few reports, or nothing to compare with.`),
    grid);
}

function shares({ labels, metric: name, cohort: of, today }, window) {
  const bins = labels.map((text, at) => ({
    label: bin(name, text), share: window.shares[at], error: window.errors[at] ?? undefined, expected: window.expected?.[at],
  }));
  const label = `${metric(name)} of ${cohort(of)} on ${day(window.day)}: shares of ${labels.length} bins${window.expected ? ", beside what was expected" : ""}`;
  const legend = [["c0", "told, chance of randomized response removed"], ["whisker", "95 % of what chance leaves"]];
  if (window.expected) legend.push(["mark", origin(window.origin)]);
  const rows = bins.map(({ label: text, share, error, expected }) => [text, percent(share), percent(error === undefined ? undefined : 1.96 * error), percent(expected)]);
  return el("section", { class: "tall" }, el("h2", {}, capital(`${metric(name)}, ${day(window.day)}`)),
    el("p", { class: "dim" }, verdict(window, today)),
    bars(label, bins, percent, legend, round),
    numbers("numbers-shares", [["Bin"], ["Told", "n"], ["±", "n"], ["Expected", "n"]], rows));
}

const origin = (name) => ({ calibration: "expected: calibration samples", first_windows: "expected: the fleet's first windows", nothing: "expected: nothing happened" })[name] ?? "expected";

function verdict({ day: at, reports, finding, expected }, today) {
  const told = `${count(reports)} reports. `;
  if (at >= today) return `${told}This day isn't over: it is compared when it is.`;
  if (finding === null) return told + (expected === null ? "There is nothing to compare them with: neither the calibration samples nor earlier windows have this metric." : "Too few to be compared: it takes a hundred.");
  const moved = `${percent(finding.moved)} of answers moved; as much comes by chance with a probability of ${chance(finding.chance)}, ${chance(finding.adjusted)} among all that was asked of this day.`;
  if (!finding.suspect) return `${told}${moved} Not suspect.`;
  return `${told}${moved} Suspect: ${finding.streak > 1 ? `${finding.streak} such windows in a row.` : "the first such window."}`;
}

function effect({ windows, rules, metric: name }) {
  const points = windows.filter(({ finding }) => finding).map(({ day: at, finding }) => ({
    day: at, value: finding.moved, flag: finding.suspect, says: `${day(at)}: ${percent(finding.moved)}${finding.suspect ? ", suspect" : ""}`,
  }));
  if (!points.length) return null;
  return section("How much moved",
    el("p", { class: "dim" }, "The share of answers in other bins than expected, day by day. Some moves by chance: the fewer devices, the more."),
    series(`Share of answers of ${metric(name)} that moved, by day`, [{ kind: "c1", points }], { format: percent, axis: round, range: [0, 0.1], rule: [rules.floor, "least that matters"] }, [["c1", "moved"], ["flag", "suspect"]]));
}

function probability({ windows, rules, metric: name }) {
  const found = windows.filter(({ finding }) => finding);
  if (!found.length) return null;
  const points = found.map(({ day: at, finding }) => ({
    day: at, value: Math.max(finding.adjusted, 1e-12), flag: finding.suspect, says: `${day(at)}: ${chance(finding.adjusted)}${finding.suspect ? ", suspect" : ""}`,
  }));
  const rows = found.map(({ day: at, reports, finding }) => [
    day(at), count(reports), percent(finding.moved), fixed(finding.statistic, 1), count(finding.freedom), chance(finding.chance), chance(finding.adjusted), finding.suspect ? "yes" : "no",
  ]);
  const columns = [["Day"], ["Reports", "n"], ["Moved", "n"], ["Chi-square", "n"], ["Freedom", "n"], ["By chance", "n"], ["Among all", "n"], ["Suspect"]];
  return section("How probable by chance",
    el("p", { class: "dim" }, "The chance of so large a difference where nothing has changed, adjusted for all that is asked of a day (Benjamini and Hochberg). Lower is stranger."),
    series(`Probability by chance of ${metric(name)}, by day`, [{ kind: "c3", points }], { format: power, log: true, range: [1e-3, 1], rule: [rules.alpha, `suspect below ${rules.alpha}`] }, [["c3", "adjusted chance"], ["flag", "suspect"]]),
    el("details", { id: "numbers-tests" }, el("summary", {}, "Numbers"), table("Tests by day", columns, rows)));
}

const DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
const power = (value) => {
  const exponent = Math.round(Math.log10(value));
  return exponent > -3 ? String(value) : `10⁻${String(-exponent).replace(/\d/g, (digit) => DIGITS[digit])}`;
};
