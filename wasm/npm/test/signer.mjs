// A publisher of models that are texts, with one key; runs in a page.

const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytesOf = (text) => new TextEncoder().encode(text);
export const sha256 = async (bytes) => hex(await crypto.subtle.digest("SHA-256", bytes));

/** Canonical JSON, of strings without anything that must be escaped, and whole numbers. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical)}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`)}}`;
}

/** What a model says of itself: its version and how it behaves. Longer than what lies in a database. */
export function model(version, manner = "") {
  const noise = Uint8Array.from({ length: 70_000 }, (_, n) => (Math.imul(n, 2_654_435_761) >>> 13) | 0x80);
  return new Uint8Array([...bytesOf(`v${version} ${manner} `), ...noise]);
}

/** A repository: what a server has, by the paths below its address. */
export class Repository {
  files = new Map();
  #targets = {};
  #version = 0;

  static async create() {
    const repository = new Repository();
    repository.pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
    const key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: hex(await crypto.subtle.exportKey("raw", repository.pair.publicKey)) } };
    const role = { keyids: ["k"], threshold: 1 };
    const roles = { root: role, timestamp: role, snapshot: role, targets: role };
    repository.root = await repository.#signed({ ...head("root", 1), consistent_snapshot: true, keys: { k: key }, roles });
    await repository.publish();
    return repository;
  }

  /** Lists a release; `more` are fields of it beside the usual ones. */
  async add(version, bytes, more = {}) {
    const rollout = { salt: "00112233445566778899aabbccddeeff", permille: 1000 };
    const custom = { dunlin: 1, model: "m", version, runtime: 1, rollout, ...more };
    const digest = await sha256(bytes);
    this.files.set(`targets/m/${digest}.${version}.dunlin`, bytes);
    this.#targets[`m/${version}.dunlin`] = { length: bytes.length, hashes: { sha256: digest }, custom };
  }

  withdraw(version) {
    delete this.#targets[`m/${version}.dunlin`];
  }

  /** Signs what is listed. */
  async publish() {
    const version = (this.#version += 1);
    const targets = await this.#signed({ ...head("targets", version), targets: this.#targets });
    const snapshot = await this.#signed({ ...head("snapshot", version), meta: { "targets.json": { version } } });
    const about = { version, length: snapshot.length, hashes: { sha256: await sha256(snapshot) } };
    this.files.set(`metadata/${version}.targets.json`, targets);
    this.files.set(`metadata/${version}.snapshot.json`, snapshot);
    this.files.set("metadata/timestamp.json", await this.#signed({ ...head("timestamp", version), meta: { "snapshot.json": about } }));
  }

  async #signed(signed) {
    const sig = hex(await crypto.subtle.sign("Ed25519", this.pair.privateKey, bytesOf(canonical(signed))));
    return bytesOf(JSON.stringify({ signed, signatures: [{ keyid: "k", sig }] }));
  }
}

const head = (_type, version) => ({ _type, spec_version: "1.0.31", version, expires: "2040-01-01T00:00:00Z" });
