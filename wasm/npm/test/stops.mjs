// Stores that stop at an operation of one's choice; run in a page.
import { BrowserStore } from "../dist/internals.js";
import { durable } from "./cases.mjs";
import { DAY, Device, START } from "./device.mjs";
import { model, Repository } from "./signer.mjs";

/** Counts operations that write, and stops at one: before it, in its midst, or after it. */
class Power {
  operations = 0;
  stopped = false;

  constructor(after = Infinity, reach = "before", forGood = true) {
    Object.assign(this, { after, reach, forGood });
  }

  async write(act, half = () => undefined) {
    if (this.stopped) throw new Error("stopped");
    this.operations += 1;
    if (this.operations !== this.after + 1) return act();
    this.stopped = this.forGood;
    if (this.reach === "half") await half();
    if (this.reach === "after") await act();
    throw new Error("stopped");
  }
}

const powered = (power, { values, files }) =>
  new BrowserStore(
    { all: () => values.all(), one: (key) => values.one(key), change: (changes) => power.write(() => values.change(changes)), close: () => values.close() },
    files && {
      names: () => files.names(),
      read: (name) => files.read(name),
      write: (name, bytes) => power.write(() => files.write(name, bytes), () => files.write(name, bytes.subarray(0, bytes.length >> 1))),
      remove: (name) => power.write(() => files.remove(name)),
    },
  );

const REACHES = ["before", "half", "after"];

/** A disk in memory. */
function disk() {
  const [values, files] = [new Map(), new Map()];
  const isModel = (key) => key.startsWith("slot/");
  return {
    values: {
      all: async () => [...values.values()].filter(({ key }) => !isModel(key)),
      one: async (key) => values.get(key),
      change: async (changes) => changes.forEach((value) => (value.bytes ?? value.file ? values.set(value.key, value) : values.delete(value.key))),
      close: () => undefined,
    },
    files: {
      names: async () => [...files.keys()],
      read: async (name) => files.get(name),
      write: async (name, bytes) => void files.set(name, bytes.slice()),
      remove: async (name) => void files.delete(name),
    },
  };
}

const CANARY = { canary: { inputs: 3, agreement: 800, fallback: 500, latency_ms: 200 } };

/** What a publisher does, one day after the other. */
const SCENES = [
  (repository) => repository.add(2, model(2), CANARY),
  (repository) => repository.add(3, model(3, "other!"), CANARY),
  (repository) => repository.add(4, model(4)),
  (repository) => repository.withdraw(4),
  (repository) => repository.add(5, model(5)),
];

/** Repositories after each scene, so that a story can be played again from any. */
async function story() {
  const repository = await Repository.create();
  const states = [];
  for (const scene of SCENES) {
    await scene(repository);
    await repository.publish();
    states.push({ root: repository.root, files: new Map(repository.files) });
  }
  return states;
}

/** Plays on from a scene until the power is gone; says how far it came. */
async function play(store, power, states, from, now) {
  const device = await Device.start(store, states[from], { factory: model(1) }, now);
  let scene = from;
  for (; scene < states.length && !power.stopped; scene++) {
    device.repository = states[scene];
    for (let day = 0; day < 2 && !power.stopped; day++) {
      await device.pass(DAY);
      await device.classify(4);
      await device.pass(0);
      // Whatever the store does, the device answers.
      device.answering;
    }
  }
  await device.end();
  return { scene: power.stopped ? Math.max(scene - 1, from) : scene, now: device.now, device };
}

/** Stopped at any operation the device answers and goes on. */
export async function device() {
  const states = await story();
  const whole = new Power();
  await play(powered(whole, disk()), whole, states, 0, START);
  for (let after = 0; after < whole.operations; after++) {
    const reach = REACHES[after % REACHES.length];
    const [power, ground, rest] = [new Power(after, reach), disk(), new Power()];
    const stopped = await play(powered(power, ground), power, states, 0, START);
    if (!power.stopped) throw new Error(`${after}: it didn't stop`);
    const store = powered(rest, ground);
    await store.sweep();
    const { device } = await play(store, rest, states, stopped.scene, stopped.now);
    const blamed = device.events.some(({ reason }) => reason === "crash");
    if (blamed || device.answering !== 5) throw new Error(`${after} ${reach}: ${device.answering}\n${device.log.join("\n")}`);
  }
  return whole.operations;
}

const filled = (byte, length) => new Uint8Array(length).fill(byte);

/** Small values, large ones, the same large one twice, replaced and removed ones. */
const COMMITS = [
  [{ key: "state", value: filled(1, 10) }, { key: "slot/a", value: filled(2, 70_000) }],
  [{ key: "slot/b", value: filled(2, 70_000) }, { key: "outbox/1", value: filled(3, 300) }],
  [{ key: "slot/a", value: filled(4, 90_000) }, { key: "state", value: filled(5, 10) }, { key: "window/1", value: filled(8, 66_000) }],
  [{ key: "slot/b" }, { key: "outbox/1" }, { key: "outbox/2", value: filled(6, 0) }],
];

const said = (key, value) => [key, value && `${value.length}:${value[0]}`];

function after(commits) {
  const contents = new Map();
  for (const { key, value } of commits.flat()) {
    if (value) contents.set(...said(key, value));
    else contents.delete(key);
  }
  return JSON.stringify([...contents].sort());
}

async function contents(store) {
  const found = new Map([...(await store.stored())].map(([key, value]) => said(key, value)));
  for (const key of ["slot/a", "slot/b"]) {
    const value = await store.read(key);
    if (value) found.set(...said(key, value));
  }
  return JSON.stringify([...found].sort());
}

/** Stopped anywhere, or failing anywhere, a store has what was acknowledged and no half of anything. */
export async function store(name) {
  const run = async (power, place, until) => {
    const store = powered(power, await durable(place)());
    const done = [];
    for (const commit of COMMITS) {
      if ((await store.commit(commit)) === undefined) done.push(commit);
      else if (until) break;
      await store.sweep().catch(() => undefined);
    }
    store.close();
    return done;
  };
  const whole = new Power();
  await run(whole, `${name}-whole`, true);
  for (let stop = 0; stop < whole.operations; stop++) {
    for (const [reach, forGood] of [["before", true], ["half", true], ["after", true], ["half", false]]) {
      const place = `${name}-${stop}-${reach}-${forGood}`;
      const done = await run(new Power(stop, reach, forGood), place, forGood);
      const open = await durable(place)();
      const found = await contents(open);
      // The one that was stopped may have happened.
      const next = forGood && COMMITS[done.length] ? [after([...done, COMMITS[done.length]])] : [];
      if (![after(done), ...next].includes(found)) throw new Error(`${place}: ${found}, ${done.length} acknowledged`);
      await open.sweep();
      const files = await open.files.names();
      const large = new Set(JSON.parse(found).map(([, text]) => text).filter((text) => Number.parseInt(text) > 65_536));
      if (files.length !== large.size) throw new Error(`${place}: ${files.length} files`);
      open.close();
    }
  }
  return whole.operations;
}
