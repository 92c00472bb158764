// Numbers and names as people read them.

import type { InputInfo, RankedClass, Reason } from "dunlin";
import type { Answer } from "./protocol";

const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const NUMBER = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function labelOf({ label, index }: RankedClass): string {
  return label ?? `class ${index}`;
}

/** What is to be done with a picture, and what it may show by the model's policy. */
export function decided({ decision, classes }: Answer): string {
  const doubt = decision.outcome === "answer" ? "" : `: ${WHY[decision.reason]}`;
  const names = decision.set.map((index) => labelOf(classes.find((ranked) => ranked.index === index) ?? { index, probability: 0 }));
  return [`Decision: ${decision.outcome}${doubt}`, ...(names.length ? [`prediction set: ${names.join(", ")}`] : [])].join("; ");
}

const WHY: Record<Reason, string> = {
  ambiguous: "no class is probable enough",
  out_of_distribution: "the picture isn't like those that the model knows",
  evasion: "the input looks as if it was made to deceive",
  stale_model: "the model is too old",
  unknown_cohort: "nothing was measured for this cohort",
  policy: "the model's policy doesn't show this class",
};

export function percent(probability: number): string {
  return probability > 0 && probability < 0.0005 ? "<0.1%" : PERCENT.format(probability);
}

export function milliseconds(time: number): string {
  if (time >= 1000) return `${NUMBER.format(time / 1000)} s`;
  return `${time >= 100 ? WHOLE.format(time) : NUMBER.format(time)} ms`;
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${NUMBER.format(count / 1e3)} kB` : `${NUMBER.format(count / 1e6)} MB`;
}

export function grouped(count: number): string {
  return WHOLE.format(count);
}

export function tensor({ elementType, shape }: Pick<InputInfo, "elementType" | "shape">): string {
  return `${elementType} ${shape.join("×")}`;
}

/** The first names, and how many more there are. */
export function some(names: readonly string[], most: number): string {
  if (names.length === 0) return "classes without names";
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${grouped(more)} more` : "");
}
