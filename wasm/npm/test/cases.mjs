// The cases of docs/formats/driver.md for the browser's driver; run in a page. Each gives nothing, or throws.
import { BrowserStore, MemoryStore, openFiles, openValues, Tabs } from "../dist/internals.js";
import { DAY, Device, START } from "./device.mjs";
import { model, Repository } from "./signer.mjs";

const CANARY = { canary: { inputs: 3, agreement: 800, fallback: 500, latency_ms: 200 } };

function equal(found, expected, what = "") {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what} ${a}, not ${b}`);
}

/** Stores of one name, which can be opened again and again. */
export const durable = (name) => async () => new BrowserStore(await openValues(name), await openFiles(name));

/** Without a file system. */
export const small = (name) => async () => new BrowserStore(await openValues(name), undefined);

/** A store that outlives programs, but not the page. */
export function memory() {
  const store = new MemoryStore();
  return async () => store;
}

async function publisher(manner, more) {
  const repository = await Repository.create();
  await repository.add(2, model(2, manner), more);
  await repository.publish();
  return repository;
}

async function start(open, { manner = "", more = {}, ...hands } = {}) {
  return Device.start(await open(), await publisher(manner, more), { factory: model(1), ...hands });
}

/** The program ends, and starts again. */
async function again(device, open, hands = {}) {
  await device.end();
  return Device.start(await open(), device.repository, { factory: model(1), ...hands }, device.now);
}

const bytes = (...values) => Uint8Array.from(values);
const listed = (stored) => [...stored].map(([key, value]) => [key, [...value]]).sort();

export const CASES = {
  async commits_are_whole(open) {
    let store = await open();
    equal(await store.commit(["a", "b", "c"].map((key) => ({ key, value: bytes(key.charCodeAt(0)) }))), undefined);
    equal(await store.commit([{ key: "a" }, { key: "b", value: bytes(1) }]), undefined);
    store.close();
    store = await open();
    equal(listed(await store.stored()), [["b", [1]], ["c", [99]]]);
    store.close();
  },

  async commits_last(open) {
    for (const [length, byte] of [[0, 1], [1, 2], [65_536, 3], [65_537, 4], [3_000_000, 5], [10, 6]]) {
      let store = await open();
      equal(await store.commit([{ key: "slot/a", value: new Uint8Array(length).fill(byte) }]), undefined);
      store.close();
      store = await open();
      const found = await store.read("slot/a");
      equal([found.length, found.every((value) => value === byte)], [length, true]);
      store.close();
    }
  },

  async effects_are_in_order(open) {
    const device = await start(open, { more: CANARY });
    await device.pass(DAY);
    await device.classify(3);
    const all = ["notify found", "notify downloaded", "trial 2", "activate 2", "notify activated", "notify kept"];
    equal([...new Set(device.log)].filter((entry) => all.includes(entry)), all);
    await device.end();
  },

  async a_failed_commit_is_told(open) {
    let store = await open();
    if (store.persistent) {
      // What is no key.
      equal(await store.commit([{ key: "a", value: bytes(1) }, { key: undefined, value: bytes(2) }]), "broken");
      equal(await store.commit([{ key: "b", value: bytes(3) }]), undefined);
      store.close();
      store = await open();
      equal(listed(await store.stored()), [["b", [3]]]);
      await store.commit([{ key: "b" }]);
    }
    const device = await Device.start(store, await publisher("", {}), { factory: model(1) });
    const commit = store.commit.bind(store);
    store.commit = async (changes) => (changes.some(({ key }) => key.startsWith("slot/")) ? "full" : commit(changes));
    await device.pass(DAY / 20);
    equal(device.events.filter(({ kind }) => kind === "failed")[0].fault, "full");
    equal(device.log.filter((entry) => entry.startsWith("trial") || entry === "notify downloaded"), []);
    equal(device.answering, 1);
    await device.end();
  },

  async an_answer_finds_its_request(open) {
    const device = await start(open, { answers: false });
    await device.toTheFirstRequest();
    const [{ id }, sent] = [device.sent[0], device.sent.length];
    await device.handle((core, now) => core.unanswered(now, id + 1000, "connect"));
    equal(device.sent.length, sent, "an answer to nothing");
    device.answers = true;
    await device.handle((core, now) => core.answered(now, id, 404, [], bytes()));
    equal(device.sent[sent].url.endsWith("timestamp.json"), true);
    equal(device.answering, 2);
    await device.end();
  },

  async an_answer_has_a_size_limit(open) {
    const body = new Uint8Array(2_000_000).fill(32);
    const device = await start(open, { instead: { status: 200, headers: [], body } });
    await device.pass(DAY / 20);
    equal(device.sent[0].maxBytes < body.length, true);
    equal(device.events[0].fault, "metadata");
    equal(device.failures[0], "too_long");
    await device.end();
  },

  async an_answer_has_a_time_limit(open) {
    const device = await start(open, { answers: false });
    await device.toTheFirstRequest();
    const [{ id, timeout }] = device.sent;
    await device.pass(timeout - 1);
    equal(device.events, []);
    await device.pass(1);
    equal(device.events.map(({ fault }) => fault), ["timeout"]);
    const sent = device.sent.length;
    await device.handle((core, now) => core.answered(now, id, 404, [], bytes()));
    equal(device.sent.length, sent, "too late");
    await device.end();
  },

  async statuses_are_answers(open) {
    const device = await start(open, { instead: { status: 503, headers: ["retry-after", "7200"], body: bytes() } });
    await device.pass(DAY / 20);
    equal(device.events.map(({ fault }) => fault), ["status"]);
    const sent = device.sent.length;
    await device.pass(50 * 60_000);
    equal(device.sent.length, sent, "it waits as long as it was told to");
    await device.end();
  },

  async requests_go_out_as_they_are(open) {
    const device = await start(open);
    await device.pass(DAY / 20);
    const [{ url, method, headers, body, maxBytes, timeout }] = device.sent;
    equal([url, method, headers, body.length], ["https://models.example/repository/metadata/2.root.json", "GET", {}, 0]);
    equal(maxBytes > 0 && timeout > 0, true);
    equal(new Set(device.sent.map(({ id }) => id)).size, device.sent.length);
    await device.end();
  },

  async it_wakes_when_asked(open) {
    const device = await start(open);
    const named = device.named.at(-1);
    await device.pass(named - 1 - device.now);
    equal([device.sent.length, device.woken], [0, []]);
    await device.pass(1);
    equal([device.sent.length > 0, device.woken], [true, [named]]);
    equal(device.named.at(-1) > named, true);
    await device.end();
  },

  async conditions_come_before_fetching(open) {
    const device = await start(open, { conditions: { metered: true, charging: true } });
    await device.pass(2 * DAY);
    equal(device.answering, 1);
    equal(device.sent.every(({ url }) => url.includes("/metadata/")), true);
    device.conditions = { metered: false, charging: true };
    await device.driver.wake();
    await device.settle();
    equal(device.answering, 2);
    await device.end();
  },

  async a_restart_goes_on(open) {
    let device = await start(open, { more: CANARY });
    await device.pass(DAY);
    await device.classify(1);
    for (let time = 0; time < 2; time++) {
      device = await again(device, open, { answers: false });
      equal(device.log[0], "activate 1", "it answers first of all");
      equal(device.answering, 2, "and goes on with the trial");
      await device.classify(1);
    }
    equal(device.events, [{ kind: "kept", version: 2 }]);
    await device.end();
  },

  async a_trial_is_told(open) {
    const device = await start(open, { manner: "golden!", more: CANARY });
    await device.pass(DAY);
    equal(device.events.at(-1), { kind: "rolledBack", version: 2, to: 1, reason: "golden" });
    equal(device.log.includes("activate 2"), false, "it never answered");
    await device.end();
  },

  async a_model_that_cannot_be_loaded_is_told(open) {
    let device = await start(open);
    await device.pass(DAY);
    equal(device.answering, 2);
    await device.end();
    const store = await open();
    equal(await store.commit([{ key: "slot/a", value: new TextEncoder().encode("load!") }]), undefined);
    store.close();
    device = await again(device, open);
    await device.pass(3 * DAY);
    equal(device.answering, 1);
    equal(device.events, [{ kind: "rolledBack", version: 2, to: 1, reason: "load" }]);
    await device.end();
  },

  async a_model_that_is_lost_is_fetched_again(open) {
    let device = await start(open);
    await device.pass(DAY);
    equal(device.answering, 2);
    await device.end();
    // The state says otherwise.
    const store = await open();
    equal(await store.commit([{ key: "slot/a" }]), undefined);
    store.close();
    device = await again(device, open);
    equal(device.log[0], "activate 1", "it answers first of all");
    equal(device.events[0], { kind: "rolledBack", version: 2, to: 1, reason: "lost" });
    equal(device.answering, 2, "and nobody waited for a day");
    await device.end();
  },

  async an_end_that_is_wanted_is_told(open) {
    for (const leaves of [true, false]) {
      const repository = await publisher("", CANARY);
      const store = await open();
      for (const key of (await store.stored()).keys()) await store.commit([{ key }]);
      let tries;
      let now = START;
      // A program that is gone while a model is started: nothing that it waits for comes.
      for (tries = 0; tries < 4; tries++) {
        const device = await new Promise((onTrial) => {
          const begun = Device.start(store, repository, { factory: model(1), onTrial }, now);
          void begun.then((device) => device.pass(DAY)).then(() => onTrial(undefined));
        });
        if (!device) break;
        now = device.now;
        if (leaves) await device.driver.leave();
      }
      const device = await Device.start(store, repository, { factory: model(1) }, now);
      equal([tries, device.answering], leaves ? [4, 2] : [2, 1]);
      await device.end();
    }
  },

  async one_at_a_time(open, name) {
    const [first, second] = [new Tabs(name), new Tabs(name)];
    equal([await first.leadsNow(), await second.leadsNow()], [true, false]);
    const later = second.leadsLater(new AbortController().signal);
    first.close();
    equal(await later, true);
    second.close();
  },
};
