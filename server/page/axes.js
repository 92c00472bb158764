// From values to places, with round ticks.

/** Where a value is drawn; at the nearer end where it lies outside. */
export function scale([low, high], [from, to]) {
  return (value) => {
    const share = high > low ? (value - low) / (high - low) : 0;
    return from + Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (to - from);
  };
}

/** The same for orders of magnitude: all values above 0. */
export function logarithmic([low, high], places) {
  const linear = scale([Math.log10(low), Math.log10(high)], places);
  return (value) => linear(Math.log10(Math.max(value, low)));
}

/** Round values, about `wanted` of them. */
export function ticks([low, high], wanted) {
  const step = roundStep((high - low) / wanted);
  const all = [];
  for (let tick = Math.ceil(low / step - 1e-6); tick <= Math.floor(high / step + 1e-6); tick++) all.push(tick * step + 0);
  return all;
}

/** Powers of ten; every second or third of them where there are many. */
export function powers([low, high], wanted) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const step = Math.max(1, Math.ceil((last - first) / wanted));
  const all = [];
  for (let power = last; power >= first; power -= step) all.push(10 ** power);
  return all;
}

function roundStep(step) {
  if (!(Number.isFinite(step) && step > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(step));
  const factor = [1, 2, 5].find((candidate) => candidate * power >= step * (1 - 1e-9)) ?? 10;
  return factor * power;
}
