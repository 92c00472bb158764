// Fleet: models and their versions, who has them, and what needs a person.

import { get } from "./api.js";
import { columns } from "./charts.js";
import { badge, command, el, empty, foreign, numbers, plain, section, table, tiles, wide } from "./dom.js";
import { ago, bytes, count, day, digest, moment, percent, plural } from "./format.js";

export const title = "Fleet";

/** Days of the charts. */
const DAYS = 14;

/** Fewer days until signed metadata expire deserve a look. */
const SOON = 7;

export async function load(route, signal) {
  const [fleet, { models }, repository] = await Promise.all([
    get(`v1/fleet?days=${DAYS}`, signal), get("v1/models", signal), get("v1/repository", signal),
  ]);
  return { fleet, releases: releases(fleet, models, repository.withdrawn), repository };
}

export function show({ fleet, releases, repository }) {
  if (!releases.length) return [el("h1", {}, "Fleet"), nothing()];
  const now = Date.now();
  return [
    el("h1", {}, "Fleet"),
    tiles(first(fleet, releases, repository, now)),
    el("div", { class: "parts" },
      [...grouped(releases)].map(([model, versions], index) => ofModel(model, versions, fleet, index)),
      metadata(repository, now), publications(repository, now)),
  ];
}

/** All that was published, and models that devices spoke of though they are listed no more: each with its devices by day. */
function releases(fleet, listed, withdrawn) {
  const days = new Map(fleet.models.map(({ sha256, days }) => [sha256, days]));
  const known = [...listed.map((one) => ({ ...one, listed: true })), ...withdrawn.map((one) => ({ ...one, listed: false }))];
  const names = new Set(known.map(({ sha256 }) => sha256));
  const strangers = fleet.models.filter(({ sha256 }) => !names.has(sha256)).map(({ sha256 }) => ({ sha256, path: null, release: null, listed: false }));
  return [...known, ...strangers]
    .map((one) => ({ ...one, model: one.release?.model ?? one.path?.split("/")[0] ?? "not in the repository", version: one.release?.version ?? null, days: days.get(one.sha256) ?? [] }))
    .sort((a, b) => (b.version ?? 0) - (a.version ?? 0));
}

const grouped = (releases) => releases.reduce((groups, one) => groups.set(one.model, [...(groups.get(one.model) ?? []), one]), new Map());

function first(fleet, releases, repository, now) {
  const on = new Map();
  for (const { days } of releases) for (const { day: at, devices } of days) on.set(at, (on.get(at) ?? 0) + devices);
  const last = on.size ? Math.max(...on.keys()) : null;
  const listed = releases.filter((one) => one.listed);
  const expiry = soonest(repository.roles);
  const left = expiry ? (Date.parse(expiry.expires) - now) / 86_400_000 : null;
  return [
    ["devices", last === null ? "–" : count(on.get(last)), last === null ? "no summary yet" : `that told of ${day(last)}`],
    ["models", count(new Set(listed.map(({ model }) => model)).size), plural(listed.length, "version")],
    ["alerts", count(fleet.alerts), `in ${DAYS} days`, fleet.alerts ? "bad" : null],
    ["reviews", count(fleet.reviews), "wait for a person"],
    ["published", fleet.published ? ago(fleet.published, now) : "never", fleet.published ? moment(fleet.published) : ""],
    ["metadata", left === null ? "–" : left < 0 ? "expired" : plural(Math.floor(left), "day"), expiry ? `left to ${expiry.name}` : "nothing is signed yet", left === null ? null : left < 0 ? "bad" : left < SOON ? "warn" : null],
  ];
}

const soonest = (roles) => roles.reduce((first, role) => (!first || role.expires < first.expires ? role : first), null);

function ofModel(model, versions, fleet, index) {
  const days = [...new Set(versions.flatMap((one) => one.days.map(({ day: at }) => at)))].sort((a, b) => a - b);
  const kind = (place) => `c${place % 8}`;
  const name = (one) => (one.version === null ? digest(one.sha256) : `version ${one.version}`);
  const devices = (one, at) => one.days.find(({ day: of }) => of === at)?.devices ?? 0;
  // Old versions below, as they were there first.
  const stacked = versions.map((one, place) => [one, kind(place)]).reverse();
  const stacks = days.map((at) => ({ day: at, parts: stacked.map(([one, of]) => [of, devices(one, at), `${day(at)}, ${name(one)}: ${plural(devices(one, at), "device")}`]) }));
  const told = versions.map((one, place) => [one, place]).filter(([one]) => one.days.length);
  const chart = days.length === 0 ? el("p", { class: "dim" }, "No device has told of a day yet. Devices tell where their users agreed to it.") : [
    el("h3", {}, "Devices a day"),
    columns(`Devices of ${model} by day and version`, stacks, count, told.map(([one, place]) => [kind(place), name(one)])),
    numbers(`numbers-${index}`, [["Day"], ...told.map(([one]) => [name(one), "n"])], days.map((at) => [day(at), ...told.map(([one]) => count(devices(one, at)))])),
  ];
  return wide(foreign(model), versionsTable(model, versions, fleet.today), chart);
}

function versionsTable(model, versions, today) {
  const columns = [["Version"], ["State"], ["Rollout", "n"], ["Devices", "n"], ["Look at", "line"], ["For"], ["Size", "n"], ["Baseline"], ["Notes", "words"]];
  const row = (one) => {
    const rollout = one.release?.rollout;
    const share = rollout ? rollout.permille / 1000 : null;
    const latest = one.days.at(-1);
    const spoke = latest ? [count(latest.devices), latest.day === today ? "" : el("span", { class: "dim" }, ` on ${day(latest.day)}`)] : "–";
    return [
      one.version === null ? el("code", {}, digest(one.sha256)) : String(one.version),
      state(one),
      share === null || !one.listed ? "–" : [percent(share), el("meter", { min: 0, max: 1, value: share, "aria-label": `Rollout of version ${one.version}` })],
      spoke,
      [el("a", { href: `#/drift/${one.sha256}` }, "drift"), " · ", el("a", { href: `#/answers/${one.sha256}` }, "answers")],
      rollout?.cohorts?.length ? foreign(rollout.cohorts.join(", ")) : "all",
      one.length === undefined ? "–" : bytes(one.length),
      one.baseline === undefined ? "–" : one.baseline ? "yes" : badge("warn", "missing"),
      one.release?.notes ? foreign(one.release.notes) : "",
    ];
  };
  return table(`Versions of ${plain(model)}`, columns, versions.map(row));
}

function state({ listed, path, release }) {
  if (!path) return badge("warn", "unknown");
  if (!listed) return badge("bad", "withdrawn");
  if (release?.rollout?.held) return badge("warn", "held");
  if (!release) return badge("warn", "no release");
  return release.rollout?.permille < 1000 ? badge("good", "rolling out") : badge("good", "released");
}

function metadata({ roles }, now) {
  if (!roles.length) return null;
  const left = (expires) => {
    const days = (Date.parse(expires) - now) / 86_400_000;
    return days < 0 ? badge("bad", "expired") : days < SOON ? badge("warn", ago(Date.parse(expires), now)) : ago(Date.parse(expires), now);
  };
  const rows = roles.map(({ name, version, expires }) => [el("code", {}, plain(name)), count(version), plain(expires.slice(0, 10)), left(expires)]);
  return section("Signed metadata",
    el("p", { class: "dim" }, "What expires stops updates: devices keep the model that they have, and call it stale. 'dunlin refresh' signs anew, daily from a timer."),
    table("Signed metadata", [["Role"], ["Version", "n"], ["Expires"], ["That is"]], rows));
}

function publications({ publications: list }, now) {
  if (!list.length) return null;
  return section("Publications", table("Publications", [["When"], ["That is"], ["By"]], list.map(({ at, publisher }) => [moment(at), ago(at, now), foreign(publisher)])));
}

function nothing() {
  return empty("Nothing is published yet",
    el("p", {}, "On the machine that holds the keys, make these once, then publish a model. The server's first start printed the publisher's token."),
    command(`dunlin keys init --dir keys/\ndunlin publish model.dunlin --repository repository/ --keys keys/ \\\n    --model NAME --rollout 5% --server ${location.origin} --token "$TOKEN"`),
    el("p", { class: "dim" }, "This page shows it within half a minute."));
}
