// Answers: how often devices answer by themselves, why not, how long it takes, and whether the cloud says the same.

import { get } from "./api.js";
import { bars, series } from "./charts.js";
import { el, numbers, section, tiles } from "./dom.js";
import { count, cohort, day, duration, percent, plural, round, words } from "./format.js";
import { chosen, cohortChoice, go, modelChoice, noBaseline, noSummaries } from "./models.js";

export const title = "Answers";

const DAYS = 30;

export async function load(route, signal) {
  const { known, model } = await chosen(route, signal);
  if (!model) return { model };
  const asked = new URLSearchParams({ days: DAYS });
  if (route.query.get("cohort")) asked.set("cohort", route.query.get("cohort"));
  return { known, model, answers: await get(`v1/models/${model}/answers?${asked}`, signal) };
}

export function show({ known, model, answers }) {
  const heading = el("h1", {}, "Answers");
  if (!model) return [heading, noBaseline("What devices answer")];
  const choices = el("div", { class: "choices" },
    modelChoice(known, model, (to) => go("answers", [to])),
    cohortChoice(answers.cohorts, answers.cohort, (to) => go("answers", [model], { cohort: to })));
  if (!answers.days.length) return [heading, choices, noSummaries()];
  const { days } = answers;
  return [
    heading,
    el("p", { class: "dim" }, "Estimates of each day, from one sampled answer of each device. Randomized response hides what any device said; what it leaves to chance is shown as intervals of 95 %."),
    choices, summary(days),
    el("div", { class: "parts" }, fallback(days, answers.cohort), reasons(days), latency(days), agreement(days), accuracy(days, answers.cohort)),
  ];
}

/** The last day that has it. */
const last = (days, name) => days.filter((one) => one[name]).at(-1);

const span = ({ low, high }) => `${duration(low)} to ${duration(high)}`;
const range = ([low, high]) => `${percent(low)} to ${percent(high)}`;

function summary(days) {
  // All of one day: the last of which anything is known.
  const { day: at, fallback: of, latency: late, agreement: same, accuracy: right } = days.at(-1);
  const time = (name, words) => [name, duration(late?.[name].value), late ? `${words}; ${span(late[name])}` : ""];
  return tiles([
    ["day", day(at), of ? `${count(of.reports)} reports` : ""],
    ["not answered", percent(of?.share), of ? range(of.interval) : ""],
    time("p50", "half are as fast"), time("p90", "nine of ten"), time("p99", "99 of 100"),
    ["right, estimated", percent(right?.share), right ? `${range(right.interval)}; ${audits(right)}` : ""],
    ["cloud agrees", percent(same?.share), same ? range(same.interval) : "too few inputs went there"],
  ]);
}

function rate(days, name, kind, label, options, legend) {
  const known = days.filter((one) => one[name]);
  const points = known.map((one) => {
    const { share, interval } = one[name];
    return { day: one.day, value: share, low: interval[0], high: interval[1], says: `${day(one.day)}: ${percent(share)}, ${range(interval)}` };
  });
  const rows = known.map((one) => [day(one.day), percent(one[name].share), range(one[name].interval), count(one[name].reports)]);
  return [
    series(label, [{ kind, points }], { format: percent, axis: round, ...options }, legend),
    numbers(`numbers-${name}`, [["Day"], ["Share", "n"], ["Interval", "n"], ["Reports", "n"]], rows),
  ];
}

function fallback(days, of) {
  return section("Not answered on the device",
    el("p", { class: "dim" }, `The share of inputs of ${cohort(of)} that the policy didn't answer: they went to the cloud, or had no answer.`),
    rate(days, "fallback", "c1", "Share of inputs that devices didn't answer, by day", { range: [0, 0.1] }, [["c1", "not answered"], ["c1 under", "95 % interval"]]));
}

function reasons(days) {
  const on = last(days, "fallback");
  if (!on) return null;
  const bins = on.reasons.map(({ reason, share, error }) => ({ label: words(reason), share, error: error ?? undefined }));
  const rows = on.reasons.map(({ reason, share, error }) => [words(reason), percent(share), percent(error === null ? undefined : 1.96 * error)]);
  return section("Why not",
    el("p", { class: "dim" }, `Reasons on ${day(on.day)}, as shares of all inputs.`),
    bars(`Reasons for which devices didn't answer on ${day(on.day)}`, bins, percent, [["c0", "share of inputs"], ["whisker", "95 % of what chance leaves"]], round),
    numbers("numbers-reasons", [["Reason"], ["Share", "n"], ["±", "n"]], rows));
}

function latency(days) {
  const known = days.filter((one) => one.latency);
  if (!known.length) return null;
  const line = (name, kind) => ({ kind, points: known.map(({ day: at, latency: { [name]: time } }) => ({ day: at, ...time, says: `${day(at)}, ${name}: ${duration(time.value)}, ${span(time)}` })) });
  const rows = known.map(({ day: at, latency: { p50, p90, p99, reports } }) => [day(at), ...[p50, p90, p99].flatMap((time) => [duration(time.value), span(time)]), count(reports)]);
  return section("Latency",
    el("p", { class: "dim" }, "How long an answer takes on the device. Devices tell to which power of two their time is next, so that the place between two of these is a guess."),
    series("Latency by day: median, nine of ten, 99 of 100", [line("p50", "c2"), line("p90", "c0"), line("p99", "c3")], { format: duration, log: true }, [["c2", "p50"], ["c0", "p90"], ["c3", "p99"]]),
    numbers("numbers-latency", [["Day"], ["p50", "n"], ["95 %", "n"], ["p90", "n"], ["95 %", "n"], ["p99", "n"], ["95 %", "n"], ["Reports", "n"]], rows));
}

function agreement(days) {
  const known = days.some((one) => one.agreement);
  const lead = el("p", { class: "dim" }, "Of the inputs that the cloud was asked about, for how many it found the class that the device had found.");
  if (!known) return section("Agreement with the cloud", lead, el("p", {}, "Too few inputs went to the cloud to tell."));
  return section("Agreement with the cloud", lead, rate(days, "agreement", "c6", "Share of the cloud's answers that agree with the device, by day", { range: [0, 1] }, [["c6", "the same class"], ["c6 under", "95 % interval"]]));
}

const audits = ({ audits: count }) => (count ? `with ${plural(count, "audit")}` : "without audits");

function accuracy(days, of) {
  const known = days.filter((one) => one.accuracy);
  if (!known.length) return null;
  const audited = known.at(-1).accuracy.audits > 0;
  const lead = audited
    ? "What calibrated confidences say of themselves, corrected by audits: answers that were drawn at random and labelled in Review."
    : `What calibrated confidences say of themselves, which is right while they are. ${of ? "Audits are of all devices together." : "Thirty audits of two weeks correct it: answers that devices draw at random, reason 'audit', and people label in Review."}`;
  return section("Right answers, as estimated", el("p", { class: "dim" }, lead),
    rate(days, "accuracy", "c2", "Estimated share of right answers, by day", { range: [0.5, 1] }, [["c2", audited ? "corrected by audits" : "by confidence"], ["c2 under", "95 % interval"]]));
}
