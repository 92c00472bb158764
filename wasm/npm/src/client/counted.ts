// What a summary counts of an answer: a handful of numbers, and nothing of the input itself.

import type { Classification, Picture, PixelData } from "../index.js";

/** The numbers of an answer, as the machines take them; what isn't there is no number. */
export function countedOf({ decision, unknown }: Classification, input: Picture | Float32Array | string, microseconds: number): Float64Array {
  const text = typeof input === "string";
  const picture = !text && !(input instanceof Float32Array) && "data" in input ? input : undefined;
  const { index, probability, margin, energy = NaN } = decision;
  const length = text ? new TextEncoder().encode(input).length : NaN;
  return Float64Array.of(index, probability, margin, energy, microseconds, text ? unknown : NaN, length, picture ? brightnessOf(picture) : NaN);
}

/** The mean of all colours, 0 to 1, over an even grid of at most 64 by 64 pixels; transparency doesn't count. */
function brightnessOf({ data, width, height, format = "rgba8" }: PixelData): number {
  const bytes = { gray8: 1, rgb8: 3, rgba8: 4 }[format];
  const [colours, across, down] = [Math.min(bytes, 3), Math.ceil(width / 64), Math.ceil(height / 64)];
  let [sum, count] = [0, 0];
  for (let y = 0; y < height; y += down) {
    for (let x = 0; x < width; x += across, count += colours) {
      for (let colour = 0; colour < colours; colour += 1) sum += data[(y * width + x) * bytes + colour] ?? 0;
    }
  }
  return sum / (255 * count);
}
