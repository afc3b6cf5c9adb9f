// Sends with Enter, keeps what is written over reloads and gives back what the server won't take. Without it the form is
// sent by its button, by htmx, and without htmx the answer is the room's page.

import { draft, form, touch } from "./draft.js";
import { put } from "./outbox.js";

const { body } = form.elements;
const flash = document.getElementById("flash");
// Enter, unless it breaks the line, ends a composition (229 is how Safari says so) or is a phone's, which has no other.
export const sends = (e) => e.key === "Enter" && !e.shiftKey && !e.isComposing && e.keyCode !== 229 && !touch.matches;

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  body.style.height = "auto";
  body.style.height = `${body.scrollHeight}px`;
}

function write(words) {
  body.value = words;
  draft.set(words);
  grow();
}

export const say = (textContent) => flash.replaceChildren(Object.assign(document.createElement("p"), { className: "flash", textContent }));

body.addEventListener("input", () => write(body.value));
body.addEventListener("keydown", (e) => {
  if (!sends(e)) return;
  e.preventDefault();
  form.requestSubmit();
});

// On the event's way down: htmx, for which this is a form of its own, waits at the form.
addEventListener("submit", (e) => {
  if (e.target !== form) return;
  e.stopPropagation();
  const words = body.value;
  const empty = !words.trim();
  if (!empty) draft.set("");
  // Without htmx, or room to keep the words in, it is a form as on a page without scripts.
  if (!empty && !(window.htmx && put(words))) return;
  e.preventDefault();
  if (!empty) flash.replaceChildren();
  if (!empty) write("");
  if (!touch.matches && form.contains(document.activeElement)) body.focus({ preventScroll: true });
}, true);

// The words go back to their writer, who may have begun others: then both stay where they are.
document.addEventListener("talk:refused", (e) => {
  if (!body.value.trim()) {
    e.preventDefault();
    write(e.detail);
  }
  if (!flash.hasChildNodes()) say("This was not taken. Your words are kept here.");
});

for (const hint of form.querySelectorAll(".scripted")) hint.hidden = false;
body.value ||= draft.get();
grow();
if (!touch.matches) body.focus({ preventScroll: true });
