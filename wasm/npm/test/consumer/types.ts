// Uses of every part of the surface, which are compiled and not run.
import { Classifier, DunlinError, pixelsOf } from "dunlin";
import { Client } from "dunlin/client";
import type { Answer, AskOptions, ClientEvent, ClientOptions, Cloud, CloudAnswer, CloudServer, Conditions, Consent, Fault, Floor, RollbackReason, Standing, Summaries, SummaryMode, When, Why } from "dunlin/client";
import type { Classification, ClassifyOptions, Decision, DunlinErrorCode, Grounds, Head, InputInfo, Judgement, LoadOptions, ModuleSource, Outcome, Picture, PixelData, Pixels, Progress, RankedClass, Reason, Rule, Source, StepInfo } from "dunlin";

const sources: Source[] = ["model.dunlin", new URL("https://example.org/model.dunlin"), new Response(), new ArrayBuffer(0), new Uint8Array(), new Blob(), new Request("https://example.org")];
const module: ModuleSource = "/dunlin/";
const loading: LoadOptions = {
  onProgress: ({ loaded, total }: Progress) => console.log(total === undefined ? loaded : loaded / total),
  signal: AbortSignal.timeout(1000),
  memoryLimit: 1 << 24,
  wasm: module,
};
const asking: ClassifyOptions = { topK: 3, locale: "de", cohort: "de", stale: false, fallback: true, signal: undefined };
const pixels: PixelData = { data: new Uint8Array(3), width: 1, height: 1, format: "rgb8" };
const code: DunlinErrorCode = new DunlinError("memory", "none left", { cause: 1 }).code;

export async function use(picture: Picture): Promise<Float32Array> {
  using classifier = await Classifier.load(fetch("model.dunlin"), loading);
  const inputs: readonly InputInfo[] = classifier.inputs;
  const steps: StepInfo[] = classifier.explain();
  const scores: Classification = await classifier.classify(picture, asking);
  await classifier.classify(pixels);
  const { channels }: Pixels = await pixelsOf(picture);
  console.log(channels, scores.unknown);
  await classifier.classify(new Float32Array(4));
  const best: RankedClass | undefined = scores.classes[0];
  const heads: readonly Head[] = scores.heads;
  const all: Judgement[] = [scores, ...heads];
  console.log(heads[0]?.name, all.map(({ decision, classes }) => [decision.outcome, classes[0]?.label]), classifier.labels("de", 1));
  const decision: Decision = scores.decision;
  const [outcome, rule, grounds]: [Outcome, Rule, Grounds] = [decision.outcome, decision.rule, decision];
  const reason: Reason | undefined = decision.outcome === "answer" ? undefined : decision.reason;
  const evasion: number = (await classifier.classify("text", { fallback: true })).evasion;
  console.log(outcome, rule, grounds.set[0], reason, evasion);
  const labels: readonly string[] = classifier.labels("de");
  const kernels: string = classifier.kernelSet;
  console.log(inputs, steps, best?.label?.length, labels, kernels, code, sources);
  classifier.dispose();
  // @ts-expect-error A picture has sides.
  await classifier.classify({ data: pixels.data });
  // @ts-expect-error There is no such code.
  const wrong: DunlinErrorCode = "oops";
  const outputs: (Float32Array | Uint8Array)[] = classifier.run([new Uint8Array(4)]);
  console.log(outputs);
  // @ts-expect-error Classifiers are loaded.
  new Classifier();
  return wrong && scores.probabilities;
}

const options: ClientOptions = {
  model: "m",
  shipped: { source: "model.dunlin", version: 1 },
  repository: "https://example.org/repository",
  root: "{}",
  floor: { timestamp: 1, targets: undefined } satisfies Floor,
  cohorts: ["de"],
  store: "m",
  interval: 1,
  when: { metered: true, charging: false, bytesPerDay: 1 } satisfies When,
  conditions: (): Conditions => ({ metered: false, charging: true }),
  cloud: {
    servers: [{ url: new URL("https://example.org"), model: "m", version: undefined, token: "t" } satisfies CloudServer],
    consent: "input" satisfies Consent,
    questionsPerDay: 1,
    outbox: { items: 1 },
  } satisfies Cloud,
  summaries: { server: "https://example.org", mode: "off" satisfies SummaryMode, epsilon: 1, cohort: { locale: "de" } } satisfies Summaries,
  onEvent: (event: ClientEvent) => {
    if (event.kind === "rolledBack") {
      const reason: RollbackReason = event.reason;
      console.log(event.version, event.to, reason);
    } else if (event.kind === "upgrade") {
      const cloud: CloudAnswer = event.cloud;
      console.log(event.ticket, cloud.index, cloud.probabilities.length);
    } else if (event.kind === "dropped") {
      const why: Why = event.why;
      console.log(why);
    } else if (event.kind === "diverged") {
      console.log(event.metric, event.answers, event.divergence > event.threshold);
    } else if (event.kind === "failed") {
      const fault: Fault = event.fault;
      console.log(fault, event.message);
    }
  },
  memoryLimit: 1,
  wasm: "/dunlin/",
};

export async function keep(picture: Picture): Promise<number> {
  using client = await Client.open(options);
  const answer: Answer = await client.classify(picture, { topK: 1 });
  await client.check();
  await client.conditionsChanged();
  const asking: AskOptions = { budget: 1000, review: false, fallback: true };
  const { cloud, why, ticket }: Standing = await client.ask(picture, asking);
  console.log((await client.ask(answer)).answer.version, cloud?.label, why);
  if (ticket !== undefined) await client.done(ticket);
  await client.setConsent("none");
  await client.setSummaries("local_dp");
  console.log(client.consent, client.summaries);
  console.log(client.version, client.isPersistent, client.isLeading, client.isStale);
  // @ts-expect-error Clients are opened.
  new Client();
  return answer.version + answer.decision.index;
}
