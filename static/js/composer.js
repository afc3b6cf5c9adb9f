// Sends with Enter, keeps the draft over reloads, and keeps unsent words with a way to send them again. Without it the form
// is sent by its button and the answer is the room's page.

import { signIn } from "./stream.js";

const form = document.getElementById("composer");
const body = form.elements.body;
const flash = document.getElementById("flash");
const key = `draft ${document.getElementById("room").dataset.me} ${form.action}`;
const touch = matchMedia("(hover: none) and (pointer: coarse)");
let unsent = false; // the last try may or may not have arrived

// Private windows may refuse storage; the page works without.
const storage = {
  get() { try { return localStorage.getItem(key) ?? ""; } catch { return ""; } },
  set(text) { try { text ? localStorage.setItem(key, text) : localStorage.removeItem(key); } catch { /* see above */ } },
};

const newNonce = () => { form.elements.nonce.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join(""); };

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  body.style.height = "auto";
  body.style.height = `${body.scrollHeight}px`;
}

function say(text, retry) {
  const p = document.createElement("p");
  p.className = "flash";
  p.textContent = text;
  if (retry) {
    const button = document.createElement("button");
    button.className = "flash__retry";
    button.textContent = "Try again";
    p.append(" ", button);
  }
  flash.replaceChildren(p);
}

function sent() {
  unsent = false;
  body.value = "";
  storage.set("");
  newNonce();
  grow();
  document.dispatchEvent(new CustomEvent("talk:posted"));
}

body.addEventListener("input", () => {
  storage.set(body.value);
  grow();
  // Other words are another message: the first try, if it did arrive, keeps its own number.
  if (unsent) { unsent = false; newNonce(); }
});
body.addEventListener("keydown", (e) => {
  if (e.key !== "Enter" || e.shiftKey || e.isComposing || touch.matches) return;
  e.preventDefault();
  if (body.value.trim()) form.requestSubmit();
});

form.addEventListener("htmx:before:request", () => {
  form.dataset.state = "sending";
  body.readOnly = true;
});
form.addEventListener("htmx:finally:request", (e) => {
  const status = e.detail.ctx.response?.status ?? 0;
  body.readOnly = false;
  form.dataset.state = status === 200 ? "" : "failed";
  if (status === 200) return sent();
  unsent = status === 0 || status >= 500;
  if (status === 0) say("This was not sent: the server can't be reached. Your words are kept here.", true);
  if (status === 401) signIn();
});

document.addEventListener("talk:state", (e) => {
  const away = e.detail === "offline" || e.detail === "reconnecting";
  form.toggleAttribute("data-away", away);
  if (e.detail === "live" && unsent && form.dataset.state === "failed") form.requestSubmit();
});
// A page that comes back from the browser's memory has a number that was used.
addEventListener("pageshow", (e) => { if (e.persisted && !unsent) newNonce(); });

for (const hint of form.querySelectorAll(".scripted")) hint.hidden = false;
body.value ||= storage.get();
newNonce();
grow();
if (!touch.matches) body.focus({ preventScroll: true });
