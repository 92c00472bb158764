// `dunlin serve` with a model that answers questions about messages.
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";

import { ROOT } from "./place.mjs";
import { PROGRAM } from "./repository.mjs";

/** Starts a server in a folder of that name; gives its address, its tokens of each role, and a way to end it. */
export async function startServer(name) {
  const data = `${ROOT}target/web/client/${name}`;
  const cloud = `${data}/cloud/messages`;
  rmSync(data, { recursive: true, force: true });
  mkdirSync(cloud, { recursive: true });
  for (const [from, to] of [["sms_spam.onnx", "model.onnx"], ["spec.json", "spec.json"], ["labels.txt", "labels.txt"]]) cpSync(`${ROOT}models/sms_spam/${from}`, `${cloud}/${to}`);
  writeFileSync(`${cloud}/config.json`, JSON.stringify({ text: "spec.json", labels: "labels.txt" }));
  const words = ["serve", "--listen", "127.0.0.1:0", "--rate", "0", "--log", "trouble", "--data", data];
  const child = spawn(PROGRAM, words, { stdio: ["ignore", "pipe", "inherit"] });
  const tokens = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const token = line.trim().split(/\s+/)[1];
    if (token?.startsWith("dunlin-")) tokens.push(token);
    const [, address] = /^Serving at (\S+)/.exec(line) ?? [];
    if (address) return { address, device: tokens[0], publisher: tokens[1], close: () => child.kill("SIGKILL") };
  }
  throw new Error("it ended before it served");
}
