// How numbers, days and names are written.

const NONE = "–";
const known = (value) => typeof value === "number" && Number.isFinite(value);

/** A share as percents, with a digit more where it is small. */
export function percent(share) {
  if (!known(share)) return NONE;
  const value = share * 100;
  const digits = Math.abs(value) >= 99.95 || value === 0 ? 0 : Math.abs(value) < 1 ? 2 : 1;
  return `${value.toFixed(digits)} %`;
}

/** A round share, at a tick. */
export const round = (share) => `${Number((share * 100).toFixed(2))} %`;

/** A probability by chance. */
export function chance(value) {
  if (!known(value)) return NONE;
  if (value < 1e-12) return "< 10⁻¹²";
  return value < 0.001 ? value.toExponential(1) : value.toFixed(3);
}

export const count = (value) => (known(value) ? Math.round(value).toLocaleString("en-US") : NONE);

export const plural = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;

export function fixed(value, digits) {
  return known(value) ? value.toFixed(digits) : NONE;
}

/** Milliseconds. */
export function duration(ms) {
  if (!known(ms)) return NONE;
  if (ms < 1) return `${Math.round(ms * 1000)} µs`;
  return ms < 1000 ? `${ms < 10 ? Number(ms.toFixed(1)) : Math.round(ms)} ms` : `${Number((ms / 1000).toFixed(1))} s`;
}

export function bytes(value) {
  if (!known(value)) return NONE;
  const power = value < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(value) / 3));
  return `${power ? (value / 1000 ** power).toFixed(1) : value} ${["B", "kB", "MB", "GB"][power]}`;
}

/** A day in days since the epoch, as 2026-11-26. */
export const day = (number) => new Date(number * 86_400_000).toISOString().slice(0, 10);

/** The same without the year. */
export const shortDay = (number) => day(number).slice(5);

/** A moment in milliseconds since the epoch, in UTC like days. */
export const moment = (ms) => `${new Date(ms).toISOString().slice(0, 16).replace("T", " ")} UTC`;

/** How long ago, or until then. */
export function ago(ms, now) {
  const seconds = (now - ms) / 1000;
  const far = Math.abs(seconds);
  const [value, unit] = far < 90 ? [far, "s"] : far < 5400 ? [far / 60, "min"] : far < 129_600 ? [far / 3600, "h"] : [far / 86_400, "day"];
  const text = unit === "day" ? plural(Math.floor(value), unit) : `${Math.floor(value)} ${unit}`;
  return seconds < 0 ? `in ${text}` : `${text} ago`;
}

/** A digest's beginning. */
export const digest = (sha256) => `${sha256.slice(0, 12)}…`;

/** A cohort as an address has it, for people. */
export const cohort = (text) => (text === "" ? "all devices" : text.replace(":", " "));

const METRICS = {
  class: "class", confidence: "confidence", margin: "margin", energy: "energy", latency_log2: "latency", reason: "decision",
  rollback: "rollback", unknown: "unknown tokens", length_log2: "length of text", brightness: "brightness", agreement: "agreement with the cloud",
};

/** A metric's name for people. */
export const metric = (name) => METRICS[name] ?? name;

/** With a capital letter. */
export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);

/** A stable name of the protocol for people. */
export const words = (name) => name.replaceAll("_", " ");
