// The strip of pictures, one of which is shown.

import { element, made } from "./elements";
import type { Answer, Timing } from "./protocol";
import { labelOf, percent } from "./words";

/** A picture, and what the model said of it. */
export interface Picture {
  readonly name: string;
  /** What it shows, where that is known. */
  readonly description?: string;
  readonly url: string;
  readonly file: () => Promise<Blob>;
  answer?: Answer | undefined;
  timing?: Timing | undefined;
}

/** All pictures of the page. */
export class Gallery {
  readonly pictures: Picture[] = [];
  readonly #strip = element("strip", HTMLUListElement);
  readonly #items = new Map<Picture, Item>();

  constructor(readonly onChoose: (picture: Picture) => void) {}

  /** Newer ones stand first. The oldest of the user's own go when there are too many. */
  add(picture: Picture, place: "first" | "last"): void {
    const item = itemOf(picture);
    item.button.addEventListener("click", () => this.onChoose(picture));
    this.#items.set(picture, item);
    if (place === "last") {
      this.pictures.push(picture);
      this.#strip.append(item.row);
    } else {
      this.pictures.unshift(picture);
      this.#strip.prepend(item.row);
    }
    const own = this.pictures.filter(({ url }) => url.startsWith("blob:"));
    const oldest = own.length > MOST ? own.at(-1) : undefined;
    if (oldest) this.#remove(oldest);
  }

  /** Marks the one that is shown, if any is. */
  mark(shown: Picture | undefined): void {
    for (const [picture, { button }] of this.#items) {
      if (picture === shown) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const item = shown && this.#items.get(shown);
    item?.row.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  /** Writes what the model says under the picture. */
  write(picture: Picture): void {
    const item = this.#items.get(picture);
    const best = picture.answer?.classes[0];
    if (item) item.answer.textContent = best ? `${labelOf(best)} ${percent(best.probability)}` : "\u00a0";
  }

  #remove(picture: Picture): void {
    this.pictures.splice(this.pictures.indexOf(picture), 1);
    this.#items.get(picture)?.row.remove();
    this.#items.delete(picture);
    URL.revokeObjectURL(picture.url);
  }
}

interface Item {
  readonly row: HTMLLIElement;
  readonly button: HTMLButtonElement;
  readonly answer: HTMLSpanElement;
}

function itemOf({ name, url }: Picture): Item {
  const [row, button] = [made("li"), made("button", "thumb")];
  const answer = made("span", "says", "\u00a0");
  button.type = "button";
  button.append(Object.assign(made("img"), { src: url, alt: "", decoding: "async", draggable: false }), made("span", "name", name), answer);
  row.append(button);
  return { row, button, answer };
}

/** Own pictures that are kept. */
const MOST = 24;
