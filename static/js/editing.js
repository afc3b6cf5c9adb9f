// Opens the forms that edit and delete in place of their message. Without it they are pages of their own.

const composer = document.getElementById("body");
const me = document.getElementById("room").dataset.me;

function close(editor) {
  editor?.remove();
  composer.focus({ preventScroll: true });
}

async function open(link) {
  document.querySelector(".editor")?.remove();
  const message = link.closest(".message");
  await htmx.ajax("GET", link.getAttribute("href"), { source: link, target: message, swap: "afterend" });
  const text = message.nextElementSibling?.querySelector("textarea");
  text?.setSelectionRange(text.value.length, text.value.length);
}

document.addEventListener("click", (e) => {
  const link = e.target.closest?.("#scroll a[data-open], #scroll a[data-close]");
  if (!link || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  if ("open" in link.dataset) open(link);
  else close(link.closest(".editor"));
});

document.addEventListener("keydown", (e) => {
  const editor = e.target.closest?.(".editor");
  if (editor && e.key === "Escape") return close(editor);
  if (editor && e.target.matches("textarea") && e.key === "Enter" && !e.shiftKey && !e.isComposing) {
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
  if (e.target.closest?.(".editor") || document.activeElement === document.body) composer.focus({ preventScroll: true });
});
