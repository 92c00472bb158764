// A made-up fleet: what its devices tell goes through randomized response and the real endpoints. The same in each run, but for the day.

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { REPOSITORY, client, dunlin } from "./server.mjs";

/** What a day's summary reveals, all metrics together: the most that there may be, so that a small fleet says something. */
const EPSILON = 10;

/** Shares of bins, as the calibration samples had them. */
const USUAL = {
  class: [0.86, 0.14],
  confidence: [0.02, 0.02, 0.03, 0.04, 0.07, 0.08, 0.16, 0.58],
  margin: [0.02, 0.02, 0.03, 0.04, 0.05, 0.08, 0.18, 0.58],
  latency_log2: [0, 0, 0.05, 0.4, 0.35, 0.15, 0.03, 0.02, 0, 0, 0, 0, 0, 0, 0, 0],
  reason: [0.93, 0.04, 0.02, 0.01, 0, 0, 0],
  rollback: [1, 0, 0, 0, 0, 0, 0, 0],
  unknown: [0.5, 0.2, 0.15, 0.1, 0.05, 0, 0, 0],
  length_log2: [0.05, 0.15, 0.3, 0.35, 0.12, 0.03, 0, 0],
  agreement: [0.93, 0.06, 0.01],
};

/** What a campaign of other messages makes of them. */
const DRIFTED = {
  ...USUAL,
  class: [0.5, 0.5],
  confidence: [0.1, 0.1, 0.1, 0.1, 0.15, 0.15, 0.15, 0.15],
  reason: [0.6, 0.22, 0.15, 0.03, 0, 0, 0],
  length_log2: [0, 0.02, 0.1, 0.2, 0.4, 0.28, 0, 0],
};

/** Numbers that look random, the same for a seed. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function uuid(random) {
  const digits = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16));
  [digits[12], digits[16]] = ["4", "a"];
  const text = digits.join("");
  return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join("-");
}

/** A bin by its share, then by randomized response. */
function told(shares, epsilon, random) {
  let at = random();
  let bin = shares.findIndex((share) => (at -= share) < 0);
  if (bin < 0) bin = shares.length - 1;
  const keep = 1 / (1 + (shares.length - 1) * Math.exp(-epsilon));
  if (random() < keep) return bin;
  const other = Math.floor(random() * (shares.length - 1));
  return other + (other >= bin ? 1 : 0);
}

function summary(model, day, locale, shares, random) {
  const each = EPSILON / Object.keys(shares).length;
  const bins = Object.fromEntries(Object.entries(shares).map(([metric, of]) => [metric, told(of, each, random)]));
  return { version: 1, id: uuid(random), model, day, cohort: { locale }, epsilon: EPSILON, bins };
}

function baseline() {
  const samples = 4000;
  const { latency_log2: _, rollback: __, agreement: ___, ...calibrated } = USUAL;
  const counts = Object.fromEntries(Object.entries(calibrated).map(([metric, shares]) => [metric, shares.map((share) => Math.round(share * samples * 0.999))]));
  return { version: 1, schema: { version: 1, classes: 2, input: "text", energy: [] }, groups: [{ cohort: {}, samples, counts }] };
}

export const today = () => Math.floor(Date.now() / 86_400_000);

/** What is published as versions 1 to 4 of a model: the server never looks into an artifact. */
const VERSIONS = ["models/cifar10/cifar10", "models/sms_spam/sms_spam", "docs/formats/vectors/good_bag", "models/language_id/language_id"].map((name) => join(REPOSITORY, `${name}.dunlin`));

/** Their digests. */
export const MODELS = VERSIONS.map((path) => createHash("sha256").update(readFileSync(path)).digest("hex"));

/** Publishes four versions as their publisher does: the second is everyone's, the third is taken back and the fourth held. With baselines. */
export async function publish(server, tokens, place) {
  const [keys, repository] = [join(place, "keys"), join(place, "repository")];
  dunlin("keys", "init", "--dir", keys);
  const run = (...words) => dunlin(...words, "--repository", repository, "--keys", keys, "--server", server.address, "--token", tokens.publisher);
  const release = (version, rollout, ...more) => run("publish", VERSIONS[version - 1], "--model", "sms_spam", "--rollout", rollout, ...more);
  release(1, "100%");
  release(2, "25%", "--notes", "Shorter texts, 4 kB less");
  run("promote", "sms_spam", "--rollout", "100%");
  release(3, "5%");
  run("rollback", "sms_spam", "--reason", "too many false alarms");
  release(4, "5%", "--cohort", "de", "--notes", "Held: <b>waits</b> for labels of Monday's messages");
  run("hold", "sms_spam");
  const publisher = client(server.address, tokens.publisher);
  for (const model of MODELS) await publisher.putJson(`v1/models/${model}/baseline`, baseline());
}

/** Two weeks of summaries: version 2 takes over from 1, and in the last days German users' messages are others. */
export async function summaries(server, tokens, scale = 1) {
  const device = client(server.address, tokens.device);
  const random = chance(7);
  const last = today() - 1;
  const all = [];
  for (let age = 13; age >= 0; age--) {
    const second = Math.max(0, Math.min(1, (10 - age) / 6));
    for (let number = 0; number < 1000 * scale * (1 + 0.1 * Math.sin(age)); number++) {
      const locale = random() < 0.4 ? "de" : random() < 0.5 ? "en" : "fr";
      const model = MODELS[random() < second ? 1 : 0];
      all.push(summary(model, last - age, locale, locale === "de" && age < 4 ? DRIFTED : USUAL, random));
    }
  }
  const batches = [];
  for (let at = 0; at < all.length; at += 100) batches.push(all.slice(at, at + 100));
  while (batches.length) await Promise.all(batches.splice(-16).map((summaries) => device.post("v1/summaries", { summaries })));
}

/** Models that answer in the server: messages and pictures, as the project ships them. */
export function clouds(data) {
  const models = join(REPOSITORY, "models");
  const folderOf = (name, model, config, files) => {
    const folder = join(data, "cloud", name);
    mkdirSync(folder, { recursive: true });
    copyFileSync(join(models, model, `${model}.onnx`), join(folder, "model.onnx"));
    for (const file of files) copyFileSync(join(models, model, file), join(folder, file));
    writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  };
  folderOf("messages", "sms_spam", { text: "spec.json", labels: "labels.txt" }, ["spec.json", "labels.txt"]);
  folderOf("pictures", "cifar10", { picture: {}, labels: "labels.txt" }, ["labels.txt"]);
}

/** Asks the cloud with consent to a person's look. */
export async function ask(server, tokens, cloud, input, number, more = {}) {
  const parameters = { dunlin_model: MODELS[1], dunlin_reason: "ambiguous", dunlin_consent: "input", dunlin_review: true, ...more };
  return client(server.address, tokens.device).post(`v2/models/${cloud}/infer`, { id: uuid(chance(1000 + number)), parameters, inputs: [input] });
}

export const text = (words) => ({ name: "text", datatype: "BYTES", shape: [1], data: [words] });

/** A picture of a coloured disc. */
export function picture(size = 32) {
  const pixels = [];
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const inside = Math.hypot(row - size / 2, column - size / 2) < size / 3;
      pixels.push(...(inside ? [200, 90, 40] : [120, 170, 60 + 3 * row]));
    }
  }
  return { name: "image", datatype: "UINT8", shape: [1, size, size, 3], data: pixels };
}
