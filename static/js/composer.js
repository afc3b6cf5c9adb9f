// Sends with Enter, keeps the draft over reloads, and keeps unsent words with a way to send them again. Without it the form
// is sent by its button and the answer is the room's page.

import { newNonce, nonce, storage } from "./draft.js";
import { tell } from "./light.js";
import { signIn } from "./signin.js";

const form = document.getElementById("composer");
const body = form.elements.body;
const flash = document.getElementById("flash");
const touch = matchMedia("(hover: none) and (pointer: coarse)");
// Enter, unless it breaks the line, ends a composition (229 is how Safari says so) or is a phone's, which has no other.
export const sends = (e) => e.key === "Enter" && !e.shiftKey && !e.isComposing && e.keyCode !== 229 && !touch.matches;
let sending = null; // the words on their way
let again = false; // meanwhile somebody wanted to send more
let tied = null; // the words that may have arrived under the present number
let retry = false; // they did not go through

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  body.style.height = "auto";
  body.style.height = `${body.scrollHeight}px`;
}

const make = (tag, className, textContent) => Object.assign(document.createElement(tag), { className, textContent });

export function say(text, offersRetry) {
  const p = make("p", "flash", text);
  if (offersRetry) p.append(" ", make("button", "flash__retry", "Try again"));
  flash.replaceChildren(p);
}

// What was written while the words were on their way stays.
function sent(words) {
  const rest = body.value.startsWith(words) ? body.value.slice(words.length).trimStart() : body.value;
  body.value = rest;
  tied = null;
  newNonce();
  storage.set(rest);
  grow();
  if (!touch.matches && form.contains(document.activeElement)) body.focus({ preventScroll: true });
  tell("newest");
  if (again && rest.trim()) setTimeout(() => form.requestSubmit());
}

body.addEventListener("input", () => {
  storage.set(body.value);
  grow();
});
body.addEventListener("keydown", (e) => {
  if (!sends(e)) return;
  e.preventDefault();
  if (body.value.trim()) form.requestSubmit();
});

form.addEventListener("submit", () => {
  again = sending !== null;
  // Other words are another message: the first try, if it did arrive, keeps its own number.
  if (sending === null && tied !== null && body.value.trim() !== tied) newNonce();
  storage.set(body.value);
});
form.addEventListener("htmx:before:request", () => {
  sending = body.value;
  tied = sending.trim();
  retry = false;
  form.dataset.state = "sending";
  if (flash.contains(document.activeElement)) body.focus({ preventScroll: true });
  flash.replaceChildren();
});
form.addEventListener("htmx:finally:request", (e) => {
  const status = e.detail.ctx.response?.status ?? 0;
  const words = sending;
  sending = null;
  form.dataset.state = status === 200 ? "" : "failed";
  if (status === 200) return sent(words);
  retry = status === 0 || status >= 500;
  if (retry) say(`This was not sent: the server ${status ? "has a problem" : "can't be reached"}. Your words are kept here.`, true);
  else if (!flash.hasChildNodes()) say("This was not taken. Your words are kept here.", true);
  if (status === 401) signIn();
});

document.addEventListener("talk:state", (e) => {
  form.toggleAttribute("data-away", e.detail === "offline" || e.detail === "reconnecting");
  if (e.detail === "live" && retry && body.value.trim() === tied) form.requestSubmit();
});
// A page that comes back from the browser's memory has a number that was used.
addEventListener("pageshow", (e) => { if (e.persisted && !retry) newNonce(); });

for (const hint of form.querySelectorAll(".scripted")) hint.hidden = false;
const [draft, number] = storage.get();
newNonce();
if (draft && !body.value) {
  body.value = draft;
  nonce.value = number;
  tied = draft.trim();
}
grow();
if (!touch.matches) body.focus({ preventScroll: true });
