// Shows what waits to be sent, above the composer, each with a way to try again or to drop it. Without it, and without
// scripts, the browser says when a form could not be sent.

import { form, touch } from "./draft.js";
import { drop, outstanding, retry } from "./outbox.js";

const el = (tag, props) => Object.assign(document.createElement(tag), props);
const shelf = el("ol", { className: "outbox", ariaLabel: "Not sent yet", ariaLive: "polite" });

function act(key, textContent, what) {
  const button = el("button", { type: "button", className: "outbox__act", textContent });
  button.addEventListener("click", () => {
    what(key);
    if (!touch.matches) form.elements.body.focus({ preventScroll: true });
  });
  return button;
}

function item({ key, words }) {
  const li = el("li", { className: "outbox__item" });
  li.dataset.key = key;
  const foot = el("p", { className: "outbox__foot" });
  foot.append(el("span", { className: "outbox__why" }), act(key, "Try again", retry), act(key, "Discard", drop));
  li.append(el("p", { className: "outbox__words", dir: "auto", textContent: words }), foot);
  return li;
}

function draw() {
  const old = Object.fromEntries([...shelf.children].map((li) => [li.dataset.key, li]));
  outstanding().forEach((message, i) => {
    const li = old[message.key] ?? item(message);
    delete old[message.key];
    if (shelf.children[i] !== li) shelf.insertBefore(li, shelf.children[i] ?? null);
    const why = li.querySelector(".outbox__why");
    const text = message.why || "Sending…";
    if (why.textContent !== text) why.textContent = text;
    li.toggleAttribute("data-sending", !message.why);
  });
  for (const li of Object.values(old)) li.remove();
}

form.prepend(shelf);
document.addEventListener("talk:outbox", draw);
draw();
