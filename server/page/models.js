// Which models there are, and which one an address means.

import { get } from "./api.js";
import { choice, command, el, empty, plain } from "./dom.js";
import { cohort, digest, words } from "./format.js";

/** Names of models by their digests: those in the repository, and those that were. */
export async function names(signal) {
  const [{ models }, { withdrawn }] = await Promise.all([get("v1/models", signal), get("v1/repository", signal)]);
  const named = ({ sha256, path, release }, note) => [sha256, `${release ? `${release.model} ${release.version}` : path}${note}`];
  return new Map([...models.map((one) => named(one, "")), ...withdrawn.map((one) => named(one, " (withdrawn)"))].reverse());
}

/** A model's name for people. */
export const name = (known, sha256) => plain(known.get(sha256) ?? `${digest(sha256)}`);

/** A bin's name for people: a class's as its publisher wrote it, others are names of the protocol. */
export const bin = (metric, label) => (metric === "class" ? plain(label) : words(label));

/** Days that say which model most devices have. */
const DAYS = 3;

/** Names, and the digest of the model that a route means: that in the address, or else of those with a baseline the one that most devices have. */
export async function chosen(route, signal) {
  const known = await names(signal);
  const asked = route.parts[0];
  if (/^[0-9a-f]{64}$/.test(asked ?? "")) return { known, model: asked };
  const [{ models }, fleet] = await Promise.all([get("v1/models", signal), get(`v1/fleet?days=${DAYS}`, signal)]);
  const on = new Map(fleet.models.map(({ sha256, days }) => [sha256, days.reduce((sum, { devices }) => sum + devices, 0)]));
  const devices = ({ sha256 }) => on.get(sha256) ?? 0;
  const version = ({ release }) => release?.version ?? 0;
  const able = models.filter(({ baseline }) => baseline).sort((a, b) => devices(b) - devices(a) || version(b) - version(a));
  return { known, model: able[0]?.sha256 ?? null };
}

/** An address of a screen. */
export function address(screen, parts, query = {}) {
  const asked = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return `#/${[screen, ...parts].map(encodeURIComponent).join("/")}${asked.size ? `?${asked}` : ""}`;
}

export function go(...where) {
  location.hash = address(...where);
}

/** The field that chooses a model. */
export function modelChoice(known, model, changed) {
  const options = [...known].map(([sha256]) => [sha256, name(known, sha256)]);
  if (!known.has(model)) options.push([model, digest(model)]);
  return choice("model", "Model", options, model, changed);
}

/** The field that chooses a cohort out of those that devices told. */
export function cohortChoice(cohorts, chosen, changed) {
  const all = cohorts.includes(chosen) ? cohorts : [...cohorts, chosen];
  return choice("cohort", "Devices", all.map((one) => [one, cohort(one)]), chosen, changed);
}

/** What to do where no model has a baseline. */
export function noBaseline(what) {
  return empty(`${what} needs a baseline`,
    el("p", {}, "No model in the repository has one yet. It says what a model's answers look like where all is well: calibration writes it into the artifact, and publishing brings it here."),
    command("dunlin calibrate model.dunlin --data samples.csv\ndunlin publish model.dunlin --repository repository/ --keys keys/ --model NAME --rollout 5%"));
}

/** What to wait for where no device has told of anything. */
export function noSummaries() {
  return empty("No device has told of this model yet",
    el("p", {}, "Devices send a summary of each day where the app turned that on and the user agreed: mode 'local_dp' of the client. A day is shown as soon as one summary came."));
}
