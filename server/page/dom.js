// Elements. Whatever comes from the server becomes text: nothing here reads markup.

/**
 * An element with attributes and children. A child is an element, a text, or nothing; `on` has listeners by their events, a
 * property such as `value` is set as `.value`.
 */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for pictures. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") Object.entries(value).forEach(([event, listener]) => element.addEventListener(event, listener));
    else if (name.startsWith(".")) element[name.slice(1)] = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** A text of unknown direction, which doesn't turn its neighbours around. */
export const foreign = (text, attributes = {}) => el("bdi", attributes, plain(text));

/** Text without characters that turn what follows them around, or that can't be seen. */
export const plain = (text) => String(text).replace(/[\u202a-\u202e\u2066-\u2069\u0000-\u0008\u000b-\u001f\u007f]/g, "\ufffd");

/** The beginning of a text that has more letters. */
export function beginning(text, letters) {
  const all = Array.from(plain(text));
  return all.length <= letters ? all.join("") : `${all.slice(0, letters - 1).join("")}…`;
}

/** What to read and do where there is nothing to show. */
export function empty(title, ...children) {
  return el("section", { class: "state" }, el("h2", {}, title), ...children);
}

/** A command that can be copied. */
export const command = (text) => el("pre", { class: "command", tabindex: 0, role: "group", "aria-label": "Command" }, el("code", {}, text));

/** A part of a screen. */
export const section = (title, ...children) => el("section", {}, el("h2", {}, title), ...children);

/** The same over the whole width. */
export const wide = (title, ...children) => el("section", { class: "wide" }, el("h2", {}, title), ...children);

/** Names with numbers, for what is looked at first: `[name, value, note, tone]` each. */
export function tiles(list) {
  const tile = ([name, value, note, tone]) =>
    el("div", { class: tone ?? null }, el("dt", { class: "dim" }, name), el("dd", { class: "value" }, value), el("dd", { class: "dim" }, note));
  return el("dl", { class: "tiles" }, list.map(tile));
}

/**
 * A table that scrolls where it is too wide. A column is `[name, class]`; class `n` is for numbers. The first cell of a row names it.
 */
export function table(label, columns, rows) {
  const head = el("tr", {}, columns.map(([name, kind]) => el("th", { scope: "col", class: kind ?? null }, name)));
  const cell = (content, index) => {
    const kind = columns[index][1] ?? null;
    const children = [content].flat();
    return index === 0 ? el("th", { scope: "row", class: kind }, children) : el("td", { class: kind }, children);
  };
  const body = rows.map((row) => el("tr", {}, row.map(cell)));
  return el("div", { class: "scroll", role: "region", "aria-label": label, tabindex: 0 }, el("table", {}, el("thead", {}, head), el("tbody", {}, body)));
}

/** Numbers behind a chart, folded away. */
export const numbers = (id, columns, rows) => el("details", { id }, el("summary", {}, "Numbers"), table("Numbers", columns, rows));

/** A field with choices `[value, text]`. */
export function choice(id, label, options, chosen, changed) {
  const select = el("select", { id, on: { change: (event) => changed(event.target.value) } });
  select.append(...options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
  return el("label", { class: "choice" }, el("span", {}, label), select);
}

/** A state in a word: `good`, `warn` or `bad`. */
export const badge = (tone, words) => el("span", { class: `badge ${tone}` }, words);
