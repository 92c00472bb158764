// A publisher: keys and a repository of static files, made by the command.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";

import { ROOT } from "./place.mjs";

export const PROGRAM = process.env.DUNLIN ?? `${ROOT}target/release/dunlin`;

/** A repository of one model, in a folder below the repository's root, where the tests' server serves it. */
export class Publisher {
  #folder;
  #versions = 0;

  constructor(name, model) {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} isn't there: cargo build --release builds it`);
    this.model = model;
    this.path = `target/web/client/${name}`;
    this.#folder = ROOT + this.path;
    rmSync(this.#folder, { recursive: true, force: true });
    mkdirSync(this.#folder, { recursive: true });
    this.#run("keys", "init", "--dir", `${this.#folder}/keys`);
  }

  /** The repository's address below an origin. */
  get address() {
    return `/${this.path}/repository`;
  }

  /** What an app ships. */
  get root() {
    return readFileSync(`${this.#folder}/repository/metadata/1.root.json`, "utf8");
  }

  /** Publishes an artifact's bytes to everyone as the next version, which it gives. */
  publish(artifact, ...more) {
    const file = `${this.#folder}/model.dunlin`;
    writeFileSync(file, artifact);
    this.#command("publish", file, "--rollout", "100%", "--model", this.model, ...more);
    this.#versions += 1;
    return this.#versions;
  }

  /** Takes versions after one back. */
  rollback(to) {
    this.#command("rollback", this.model, "--to", String(to), "--reason", "a test");
  }

  #command(name, ...words) {
    this.#run(name, ...words, "--repository", `${this.#folder}/repository`, "--keys", `${this.#folder}/keys`);
  }

  #run(...words) {
    return execFileSync(PROGRAM, words, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  }
}
