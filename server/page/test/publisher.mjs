// Signs a repository as a publisher does: ed25519 keys, canonical JSON, consistent snapshots. Sends it as a publisher's command would.

import { createHash, generateKeyPairSync, sign } from "node:crypto";

const ROLES = ["root", "timestamp", "snapshot", "targets"];

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** Names in order, no space: what signatures are made of. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const names = Object.keys(value).filter((name) => value[name] !== undefined).sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

export class Publisher {
  #version = 0;
  #key = generateKeyPairSync("ed25519");
  #server;

  /** `server` has `put(path, bytes)` and `post(path, body)`, both as a publisher. */
  constructor(server) {
    this.#server = server;
    const raw = this.#key.publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    this.key = { keytype: "ed25519", scheme: "ed25519", keyval: { public: raw.toString("hex") } };
    this.keyId = sha256(canonical(this.key));
  }

  /** Publishes these releases and no others, each `{ file, release }`; metadata expire after `days` by role. */
  async publish(releases, days = {}) {
    this.#version += 1;
    const targets = {};
    for (const { file, release } of releases) {
      const path = `${release.model}/${release.version}.dunlin`;
      targets[path] = { length: file.length, hashes: { sha256: sha256(file) }, custom: { dunlin: 1, runtime: 1, patches: [], ...release } };
      await this.#server.put(`v1/repository/targets/${release.model}/${sha256(file)}.${release.version}.dunlin`, file);
    }
    const expires = (role) => new Date(Date.now() + (days[role] ?? 365) * 86_400_000).toISOString().replace(/\.\d+/, "");
    const signed = (role, body) => this.#signed({ _type: role, spec_version: "1.0.31", version: this.#version, expires: expires(role), ...body });
    const files = {};
    if (this.#version === 1) {
      const roles = Object.fromEntries(ROLES.map((role) => [role, { keyids: [this.keyId], threshold: 1 }]));
      files["1.root.json"] = signed("root", { consistent_snapshot: true, keys: { [this.keyId]: this.key }, roles });
    }
    files[`${this.#version}.targets.json`] = signed("targets", { targets });
    files[`${this.#version}.snapshot.json`] = signed("snapshot", { meta: { "targets.json": { version: this.#version } } });
    files["timestamp.json"] = signed("timestamp", { meta: { "snapshot.json": { version: this.#version } } });
    await this.#server.post("v1/repository/publish", { version: 1, metadata: files });
  }

  #signed(body) {
    const signature = sign(null, Buffer.from(canonical(body)), this.#key.privateKey).toString("hex");
    return canonical({ signed: body, signatures: [{ keyid: this.keyId, sig: signature }] });
  }
}
