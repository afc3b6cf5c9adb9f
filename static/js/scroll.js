// Follows the end of the talk while the reader is there and offers a way down when not; loads earlier and later messages
// as they come near and keeps the list short. Without it the page is long and older parts are links.

import { reload } from "./stream.js";

const NEAR = 100; // pixels from the end that count as being there
const MOST = 300; // messages kept in the page
const button = () => document.getElementById("new-messages");
const scroller = () => document.getElementById("scroll");
const list = () => document.querySelector("#scroll ol.messages");
const live = () => list().id === "messages"; // its end is the room's end
const room = () => document.getElementById("pane").dataset.url;
let following = false;
let kept = null; // the message in view and where, across a reload
let near = null; // watches the links to more

function toEnd() {
  scroller().scrollTop = scroller().scrollHeight;
  button().hidden = true;
  following = true;
}

function noticeScroll() {
  const s = scroller();
  following = live() && s.scrollHeight - s.scrollTop - s.clientHeight < NEAR;
  if (following) {
    button().hidden = true;
    trimStart();
  }
}

// The page opens at the message its address names, else at the end.
function land() {
  const id = scroller().dataset.anchor ?? location.hash.slice(1);
  const message = id && document.getElementById(id);
  if (message) {
    message.dataset.anchor = "";
    message.scrollIntoView({ block: "center" });
  } else if (live()) {
    toEnd();
  }
  listen();
}

function listen() {
  scroller().addEventListener("scroll", noticeScroll, { passive: true });
  button().addEventListener("click", toEnd);
  new ResizeObserver(() => { if (following) toEnd(); }).observe(scroller());
  new MutationObserver(grown).observe(list(), { childList: true });
  noticeScroll();
  watch();
}

function grown(records) {
  if (following) return toEnd(), trimStart();
  const added = records.flatMap((r) => [...r.addedNodes]).filter((n) => n.matches?.(".message"));
  const last = list().querySelector(".message:last-of-type");
  if (live() && added.includes(last)) button().hidden = false;
  if (list().querySelectorAll(".message").length > 2 * MOST) trimEnd();
}

function link(side, text, href) {
  const a = document.createElement("a");
  a.className = "more__link";
  a.textContent = text;
  a.href = href;
  if (side) a.dataset.more = side;
  return a;
}

function excess() {
  const messages = [...list().querySelectorAll(".message")];
  return messages.slice(0, Math.max(0, messages.length - MOST));
}

// While following, the oldest go.
function trimStart() {
  const gone = excess();
  if (gone.length === 0) return;
  for (const m of gone) m.remove();
  const first = list().querySelector(".message").dataset.seq;
  document.getElementById("older").replaceChildren(link("older", "Earlier messages", `${room()}?before=${first}`));
  watch();
}

// While reading back, the newest go. The list is then a part of the history, and live messages no longer belong in it.
function trimEnd() {
  const messages = [...list().querySelectorAll(".message")];
  if (messages.length <= MOST) return;
  for (const m of messages.slice(MOST)) m.remove();
  list().id = "history";
  button().hidden = true;
  document.getElementById("newer").replaceChildren(
    link("newer", "Later messages", `${room()}?after=${messages[MOST - 1].dataset.seq}`),
    link("", "Jump to the newest", room()));
}

async function more(a) {
  if (a.ariaBusy === "true") return;
  a.ariaBusy = "true";
  const s = scroller();
  const older = a.dataset.more === "older";
  const before = s.scrollHeight - s.scrollTop;
  await htmx.ajax("GET", a.getAttribute("href"), { source: a, swap: "none" });
  if (a.isConnected) {
    a.ariaBusy = "false";
    a.textContent = "That could not be loaded. Try again";
    return;
  }
  if (older) {
    s.scrollTop = s.scrollHeight - before; // what was in view stays in view
    trimEnd();
  } else if (!document.querySelector('[data-more="newer"]')) {
    await reload(room()); // the end is reached: from here on the room is live
  }
  watch();
}

function watch() {
  near?.disconnect();
  near = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting) more(e.target);
  }, { root: scroller(), rootMargin: "300px 0px" });
  for (const a of document.querySelectorAll("[data-more]")) near.observe(a);
}

document.addEventListener("click", (e) => {
  const a = e.target.closest?.("[data-more]");
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  more(a);
});
document.addEventListener("talk:posted", () => (live() ? toEnd() : reload(room()).then(toEnd)));
document.addEventListener("talk:before:reload", () => {
  const top = scroller().getBoundingClientRect().top;
  const seen = [...list().querySelectorAll(".message")].find((m) => m.getBoundingClientRect().bottom > top);
  kept = following || !seen ? null : { id: seen.id, offset: seen.getBoundingClientRect().top };
});
document.addEventListener("talk:after:reload", () => {
  listen();
  const message = kept && document.getElementById(kept.id);
  if (message) scroller().scrollTop += message.getBoundingClientRect().top - kept.offset;
  else toEnd();
});
land();
