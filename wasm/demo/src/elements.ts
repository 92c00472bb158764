/** The page's element of this id, which index.html has. */
export function element<Kind extends HTMLElement>(id: string, Class: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof Class) return found;
  throw new Error(`index.html has no ${Class.name} #${id}`);
}

/** A new element of a class with text. */
export function made<Name extends keyof HTMLElementTagNameMap>(name: Name, className = "", text = ""): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}
