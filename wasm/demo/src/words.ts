// Numbers and names as people read them.

import type { InputInfo, RankedClass } from "dunlin";

const PERCENT = new Intl.NumberFormat("en", { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const NUMBER = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function labelOf({ label, index }: RankedClass): string {
  return label ?? `class ${index}`;
}

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
