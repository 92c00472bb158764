// Signing in: a token, which stays in this tab.

import { el } from "./dom.js";
import { isToken, keep } from "./session.js";

/** Asks for a token; `done` goes on with it. `message` says why the last one wasn't taken. */
export function signIn(place, message, done) {
  const input = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true, "aria-describedby": "token-help token-error" });
  const error = el("p", { id: "token-error", class: "error", role: "alert" }, message);
  const submit = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (!isToken(text)) {
      error.textContent = "A token is one word, such as dunlin-publisher-0123…";
      input.focus();
      return;
    }
    keep(text);
    done();
  };
  place.replaceChildren(el("section", { class: "signin" },
    el("h1", {}, "Sign in"),
    el("p", { class: "dim", id: "token-help" }, "With a publisher's or a reviewer's token. The first start of the server printed one of each; 'dunlin serve --data DIR --new-token reviewer --name anna' makes more. This tab forgets it when it is closed."),
    el("form", { on: { submit } }, el("label", { for: "token" }, "Token"), input, error, el("button", { class: "main" }, "Sign in"))));
  input.focus();
}
