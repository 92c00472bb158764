// Pictures of numbers, as SVG. Each is drawn for the width that it has, so that its letters keep their size; tables beside them say the same.

import { logarithmic, powers, scale, ticks } from "./axes.js";
import { beginning, el, plain, svg } from "./dom.js";
import { shortDay } from "./format.js";

/** About the width of a letter. */
const LETTER = 6.8;

/** Standard deviations of an interval of 95 %. */
const NORMAL = 1.96;

/**
 * A chart that follows its place's width: `draw(width)` gives its height and its shapes, `label` says in words what it shows, `legend` has
 * `[class of the key, text]`.
 */
export function chart(label, draw, legend = []) {
  const place = el("div", { class: "plot" });
  let drawn = 0;
  const redraw = () => {
    const width = Math.floor(place.clientWidth);
    if (width < 1 || width === drawn) return;
    drawn = width;
    const [height, shapes] = draw(width);
    place.replaceChildren(svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": plain(label) }, shapes));
  };
  new ResizeObserver(redraw).observe(place);
  const keys = legend.map(([kind, text]) => el("span", {}, el("span", { class: `key ${kind}` }), text));
  return el("figure", {}, place, keys.length ? el("figcaption", { class: "dim" }, keys) : null);
}

const text = (x, y, kind, words, title) => svg("text", { x: x.toFixed(1), y: y.toFixed(1), class: kind }, words, title ? svg("title", {}, title) : null);
const line = (x1, y1, x2, y2, kind) => svg("line", { x1: x1.toFixed(1), y1: y1.toFixed(1), x2: x2.toFixed(1), y2: y2.toFixed(1), class: kind });
const rect = (x, y, width, height, kind, title) =>
  svg("rect", { x: x.toFixed(1), y: y.toFixed(1), width: Math.max(0, width).toFixed(1), height: Math.max(0, height).toFixed(1), class: kind }, title ? svg("title", {}, title) : null);
const dot = (x, y, radius, kind, title) => svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: radius, class: kind }, title ? svg("title", {}, title) : null);
const path = (points, kind) => svg("polyline", { points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "), class: kind });
const area = (points, kind) => svg("polygon", { points: points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" "), class: kind });

/**
 * Shares of bins as bars to the right: `bins` have `label`, `share`, `error` (a standard error, or none) and `expected` (or none), `format`
 * writes a share, `axis` one at a tick.
 */
export function bars(label, bins, format, legend, axis) {
  const reach = Math.max(0.05, ...bins.map(({ share, error, expected }) => Math.max(share + NORMAL * (error ?? 0), expected ?? 0)));
  const draw = (width) => {
    const names = Math.min(Math.max(...bins.map((bin) => bin.label.length)) * LETTER + 10, width * 0.36);
    const [top, row] = [4, bins.length > 16 ? 19 : 24];
    const bottom = top + bins.length * row;
    const right = width - 54;
    const x = scale([0, Math.min(1, reach)], [names, right]);
    const shapes = ticks([0, Math.min(1, reach)], Math.max(2, (right - names) / 90)).flatMap((value) => [
      line(x(value), top, x(value), bottom, "grid"),
      text(x(value), bottom + 16, "dim num m", (axis ?? format)(value)),
    ]);
    bins.forEach(({ label: name, share, error, expected }, index) => {
      const [y, middle] = [top + index * row + 3, top + (index + 0.5) * row];
      const says = `${name}: ${format(share)}${error ? ` ± ${format(NORMAL * error)}` : ""}${expected === undefined ? "" : `, expected ${format(expected)}`}`;
      shapes.push(text(names - 8, middle + 4, "e", beginning(name, Math.floor((names - 8) / LETTER)), name));
      shapes.push(rect(names, y, x(share) - names, row - 6, "c0", says));
      if (error) shapes.push(line(x(share - NORMAL * error), middle, x(share + NORMAL * error), middle, "whisker"));
      if (expected !== undefined) shapes.push(line(x(expected), y - 1, x(expected), y + row - 5, "mark"));
      shapes.push(text(width - 2, middle + 4, "dim num e", format(share)));
    });
    shapes.push(line(names, top, names, bottom, "axis"));
    return [bottom + 24, shapes];
  };
  return chart(label, draw, legend);
}

/**
 * Values over days. A line has `kind` (a class of colour) and `points`: `day`, `value`, and where they are known `low`, `high`, `flag` (true
 * where the point stands out) and `says`. `options`: `format` and where ticks are written otherwise `axis`, `log`, `range` (the least that is shown), `rule: [value, words]`, `height`.
 */
export function series(label, lines, options, legend) {
  const points = lines.flatMap((one) => one.points).filter(({ value }) => Number.isFinite(value));
  const range = extent(points, options);
  const draw = (width) => {
    const [left, right, top, bottom] = [58, width - 12, 10, options.height ?? 190];
    const y = (options.log ? logarithmic : scale)(range, [bottom, top]);
    const x = dayScale(points, left + 10, right - 10);
    const shapes = (options.log ? powers : ticks)(range, 4).flatMap((value) => [
      line(left, y(value), right, y(value), "grid"),
      text(left - 8, y(value) + 4, "dim num e", (options.axis ?? options.format)(value)),
    ]);
    shapes.push(...dayAxis(points, x, left, right, bottom));
    if (options.rule) {
      const [value, words] = options.rule;
      shapes.push(line(left, y(value), right, y(value), "rule dash"), text(right, y(value) - 5, "dim e", words));
    }
    for (const one of lines) shapes.push(...oneLine(one, x, y, options.format));
    return [bottom + 26, shapes];
  };
  return chart(label, draw, legend);
}

/** Points of days one after the other: over a day of which nothing is known there is no line. */
function runs(points) {
  const all = [];
  for (const point of points) {
    if (all.length && all.at(-1).at(-1).day + 1 === point.day) all.at(-1).push(point);
    else all.push([point]);
  }
  return all;
}

function oneLine({ kind, points }, x, y, format) {
  const known = points.filter(({ value }) => Number.isFinite(value));
  const shapes = runs(known).flatMap((run) => {
    const bounded = run.filter(({ low, high }) => Number.isFinite(low) && Number.isFinite(high));
    const between = [...bounded.map(({ day, high }) => [x(day), y(high)]), ...[...bounded].reverse().map(({ day, low }) => [x(day), y(low)])];
    const alone = ([{ day, low, high }]) => line(x(day), y(low), x(day), y(high), `curve ${kind}`);
    const interval = bounded.length > 1 ? area(between, `under ${kind}`) : bounded.length ? alone(bounded) : [];
    return [interval, path(run.map(({ day, value }) => [x(day), y(value)]), `curve ${kind}`)].flat();
  });
  for (const { day, value, flag, says } of known) {
    shapes.push(dot(x(day), y(value), flag ? 5 : 3, flag ? "flag" : `point ${kind}`, says ?? `${shortDay(day)}: ${format(value)}`));
  }
  return shapes;
}

function extent(points, { log, range, rule }) {
  const values = points.flatMap(({ value, low, high }) => [value, low, high]).filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (rule) values.push(rule[0]);
  if (range) values.push(...range);
  if (!values.length) return log ? [0.1, 1] : [0, 1];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (log) return [10 ** Math.floor(Math.log10(low) + 1e-9), 10 ** Math.ceil(Math.log10(high) - 1e-9)];
  return high > low ? [low, high] : [low, low + 1];
}

function dayScale(points, left, right) {
  const days = points.map(({ day }) => day);
  const [first, last] = [Math.min(...days), Math.max(...days)];
  return first < last ? scale([first, last], [left, right]) : () => (left + right) / 2;
}

function dayAxis(points, x, left, right, bottom) {
  const days = points.map(({ day }) => day);
  const [first, last] = [Math.min(...days), Math.max(...days)];
  const step = Math.max(1, Math.ceil(((last - first + 1) * 52) / (right - left)));
  const shapes = [line(left, bottom, right, bottom, "axis")];
  for (let day = last; day >= first; day -= step) shapes.push(text(x(day), bottom + 17, "dim num m", shortDay(day)));
  return shapes;
}

/** Counts over days, one upon the other: `stacks` have `day` and `parts`, of which each is `[kind, count, what it says]`. */
export function columns(label, stacks, format, legend) {
  const most = Math.max(1, ...stacks.map(({ parts }) => parts.reduce((sum, [, count]) => sum + count, 0)));
  const draw = (width) => {
    const [left, right, top, bottom] = [58, width - 12, 10, 170];
    const y = scale([0, most], [bottom, top]);
    const days = stacks.map(({ day }) => day);
    const span = Math.max(...days) - Math.min(...days) + 1;
    const broad = Math.max(2, Math.min(46, ((right - left) / span) * 0.72));
    const x = dayScale(stacks, left + broad / 2 + 6, right - broad / 2 - 6);
    const shapes = ticks([0, most], 3).filter(Number.isInteger).flatMap((value) => [
      line(left, y(value), right, y(value), "grid"),
      text(left - 8, y(value) + 4, "dim num e", format(value)),
    ]);
    shapes.push(...dayAxis(stacks, x, left, right, bottom));
    for (const { day, parts } of stacks) {
      let below = 0;
      for (const [kind, count, says] of parts) {
        shapes.push(rect(x(day) - broad / 2, y(below + count), broad, y(below) - y(below + count), kind, says));
        below += count;
      }
    }
    return [bottom + 26, shapes];
  };
  return chart(label, draw, legend);
}
