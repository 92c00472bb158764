// Runs mobile/conformance/vectors.json, in whatever JavaScript runs here: a page, a worker, a service worker, Node.

/**
 * What differs from the vectors, a line each. `read` gives the bytes of a file by its path from the repository's root, `locate` what
 * `Classifier.load` takes for it; `options` go with every load.
 */
export async function differences({ Classifier, DunlinError }, vectors, read, locate, options) {
  const found = [];
  for (const model of vectors.models) {
    const said = JSON.stringify(await about(await Classifier.load(locate(model.model), options), model));
    const { labels, inputs, steps } = model;
    const expected = JSON.stringify({ labels, inputs, steps });
    if (said !== expected) found.push(`${model.model}: says ${said}, not ${expected}`);
  }
  for (const test of vectors.cases) {
    let outcome;
    try {
      outcome = await run(Classifier, test, read, locate, options);
    } catch (error) {
      outcome = { code: error instanceof DunlinError ? error.code : `${error}` };
    }
    const difference = compare(test.expected, outcome);
    if (difference) found.push(`${test.name}: ${difference}`);
  }
  return found;
}

async function about(classifier, { locale, head }) {
  const inputs = classifier.inputs.map(({ shape, elementType }) => ({ shape, elementType }));
  const steps = classifier.explain().map(({ name, shape }) => ({ name, shape }));
  const labels = [...classifier.labels(locale, head)];
  classifier.dispose();
  return { labels, inputs, steps };
}

async function run(Classifier, test, read, locate, options) {
  const source = test.change ? changed(await read(test.model), test.change) : locate(test.model);
  const classifier = await Classifier.load(source, { ...options, memoryLimit: test.memoryLimit });
  try {
    if (test.dispose) classifier.dispose();
    const input = test.text ? text(test.text) : test.values ? values(test.values) : await picture(test.picture, read);
    return await classifier.classify(input, { topK: test.topK, locale: test.locale, ...test.context });
  } finally {
    classifier.dispose();
  }
}

function changed(bytes, { keep, flip }) {
  const copy = bytes.slice(0, keep);
  if (flip !== undefined) copy[flip] ^= 0xff;
  return copy;
}

const made = (seed, count) => Uint8Array.from({ length: count }, (_, i) => (seed + 7 * i + 3 * i * i) % 251);

async function picture({ file, seed, bytes, width, height, format }, read) {
  const size = { gray8: 1, rgb8: 3, rgba8: 4 }[format];
  return { data: file ? await read(file) : made(seed, bytes ?? width * height * size), width, height, format };
}

function values({ seed, count, hex }) {
  return hex === undefined ? Float32Array.from(made(seed, count), (byte) => (byte - 125) / 128) : floats(hex);
}

/** Code units as they are, surrogates without their other half too. */
const text = ({ utf16, times = 1 }) => String.fromCharCode(...utf16).repeat(times);

function floats(hex) {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (digits) => parseInt(digits, 16));
  return new Float32Array(bytes.buffer);
}

export function hexOf(values) {
  return Array.from(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What is wrong with an outcome, if anything is. */
export function compare(expected, outcome) {
  if (expected.code || outcome.code) {
    return expected.code === outcome.code ? undefined : `ends in ${outcome.code ?? "scores"}, not in ${expected.code ?? "scores"}`;
  }
  if (outcome.evasion !== (expected.evasion ?? 0)) return `evasion ${outcome.evasion}`;
  const names = (of) => JSON.stringify((of.heads ?? []).map(({ name }) => name));
  if (names(outcome) !== names(expected)) return `heads ${names(outcome)}, not ${names(expected)}`;
  const heads = [expected, ...(expected.heads ?? [])];
  return heads.map((head, i) => said({ ...head, within: expected.within }, i ? outcome.heads[i - 1] : outcome)).find(Boolean);
}

/** What is wrong with what a head says, if anything is. */
function said(expected, outcome) {
  for (const key of ["probabilities", "logits"]) {
    if (!near(outcome[key], expected[key], expected.within)) return `${key} ${hexOf(outcome[key])}, not ${expected[key]}`;
  }
  const classes = JSON.stringify(outcome.classes.map(({ index, label }) => ({ index, label })));
  if (classes !== JSON.stringify(expected.classes.map(({ index, label }) => ({ index, label })))) return `classes ${classes}`;
  return decided(expected, outcome) ?? ofClasses(outcome);
}

const ofClasses = (outcome) =>
  outcome.classes.find(({ index, probability }) => !Object.is(probability, outcome.probabilities[index])) && "a class has another probability";

function decided({ decision: expected, within }, { decision, probabilities }) {
  const { margin, energy, probability, ...named } = decision;
  const order = ["outcome", "reason", "rule", "index", "set"];
  const words = (of) => JSON.stringify(order.map((key) => of[key]));
  if (words(named) !== words(expected) || !Object.is(probability, probabilities[named.index])) return `decision ${words(named)}, not ${words(expected)}`;
  for (const [found, hex] of [[margin, expected.margin], [energy, expected.energy]]) {
    if ((found === undefined) !== (hex === undefined)) return `decision has ${found}, not ${hex}`;
    if (found === undefined) continue;
    const [wanted] = floats(hex);
    // Engines of JavaScript may change the bits of what is no number.
    if (within === undefined ? !Object.is(found, wanted) : Math.abs(found - wanted) > within) return `decision has ${found}, not ${wanted}`;
  }
}

function near(found, hex, within) {
  if (within === undefined) return hexOf(found) === hex;
  const expected = floats(hex);
  return found.length === expected.length && found.every((value, i) => Math.abs(value - expected[i]) <= within);
}
