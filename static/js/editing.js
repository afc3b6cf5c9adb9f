// Opens the forms that edit and delete in place of their message, and keeps what is changed until it is saved or given up.
// Without it they are pages of their own.

import { say, sends } from "./composer.js";
import { keeping, me, ofTab } from "./draft.js";

const composer = document.getElementById("body");
const edited = (url) => keeping(`edit ${me} ${url.replace(/\/\w+$/, "")}`); // the words for a message
const opened = keeping("editing", ofTab); // the link of the form that is open

function close(editor) {
  const text = editor?.querySelector("textarea");
  if (text) done(text.form);
  editor?.remove();
  composer.focus({ preventScroll: true });
}

function done(form) {
  edited(form.action).set("");
  opened.set("");
}

async function open(link) {
  const message = link.closest(".message");
  for (const editor of document.querySelectorAll(".editor")) editor.remove();
  const href = link.getAttribute("href");
  await htmx.ajax("GET", href, { source: link, target: message, swap: "afterend" });
  // Meanwhile the stream has brought the message once more.
  const anew = !message.isConnected && document.getElementById(message.id)?.querySelector(`a[href="${href}"]`);
  if (anew) return open(anew);
  const editor = document.querySelector(".editor");
  const text = editor?.querySelector("textarea");
  if (text) text.value = edited(text.form.action).get() || text.value;
  opened.set(text && href);
  text?.setSelectionRange(text.value.length, text.value.length);
  editor?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("click", (e) => {
  const link = e.target.closest?.("#scroll a[data-open], #scroll a[data-close]");
  if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  if ("open" in link.dataset) open(link);
  else close(link.closest(".editor"));
});

document.addEventListener("input", ({ target: { form, value } }) => { if (form?.matches("[data-editor]")) edited(form.action).set(value); });

document.addEventListener("keydown", (e) => {
  const editor = e.target.closest?.(".editor");
  if (editor && e.key === "Escape" && !e.isComposing) return close(editor);
  if (editor && e.target.matches("textarea") && sends(e)) {
    e.preventDefault();
    return e.target.form.requestSubmit();
  }
  if (e.target === composer && e.key === "ArrowUp" && composer.value === "") {
    const mine = document.querySelectorAll(`#scroll .message[data-author="${me}"] a[data-open]`);
    const edit = [...mine].findLast((a) => a.getAttribute("href").endsWith("/edit"));
    if (edit) { e.preventDefault(); open(edit); }
  }
});

// Saved or deleted: the answer has taken the form away, and with it the focus.
document.addEventListener("htmx:after:swap", (e) => {
  const form = e.detail.ctx.sourceElement;
  if (!form?.matches?.("[data-editor]") || document.querySelector(".editor")) return;
  done(form);
  composer.focus({ preventScroll: true });
});
// What was being written when this tab left, to sign in for example, is open again.
document.addEventListener("DOMContentLoaded", () => {
  const link = document.querySelector(`#scroll a[data-open][href="${CSS.escape(opened.get())}"]`);
  if (link && edited(link.href).get()) open(link);
});
document.addEventListener("htmx:error", (e) => {
  if (e.target.matches?.("[data-editor]")) say("This was not saved: the server can't be reached. Your words are still here.");
  else if (e.target.matches?.("a[data-open]")) say("This can't be opened: the server can't be reached. Try again in a moment.");
});
