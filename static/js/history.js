// Loads earlier and later messages as their links come near, and keeps the list short. Without it they are links to pages.

import { reload } from "./pane.js";
import { hold, isFollowing, isLive, list, messages, noticeScroll, room, scroller, toEnd } from "./scroll.js";

const MOST = 300; // messages kept in the page
const SLACK = 50; // how many more there may be while somebody reads back
const NOTICES = 30; // lines about who came and went
let loading = null;
let near = null; // watches the links

function link(side, textContent, href) {
  const a = Object.assign(document.createElement("a"), { className: "more__link", textContent, href });
  a.dataset.more = side;
  document.getElementById(side).replaceChildren(a);
}

function trimStart(all) {
  const first = all.at(-MOST);
  while (first.previousElementSibling) first.previousElementSibling.remove();
  link("older", "Earlier messages", `${room()}?before=${first.dataset.seq}`);
}

// The list is then a part of the history, and live messages no longer belong in it.
function trimEnd(all) {
  const last = all[MOST - 1];
  while (last.nextElementSibling) last.nextElementSibling.remove();
  list().id = "history";
  link("newer", "Later messages", `${room()}?after=${last.dataset.seq}`);
}

// Takes from the end that is farther from the reader.
function trim() {
  for (const notice of [...list().querySelectorAll(".notice")].slice(0, -NOTICES)) notice.remove();
  const all = messages();
  if (all.length <= MOST + (isFollowing() ? 0 : SLACK) || list().querySelector(".editor")) return;
  const place = hold();
  const back = place && all.indexOf(place.message) < all.length / 2;
  if (back) trimEnd(all);
  else trimStart(all);
  place?.restore();
  noticeScroll();
  watch();
}

async function load(a) {
  let place = null;
  a.ariaBusy = "true";
  a.addEventListener("htmx:before:swap", () => { place = hold(); });
  await htmx.ajax("GET", a.getAttribute("href"), { source: a, swap: "none" });
  if (a.isConnected) {
    a.ariaBusy = "false";
    a.textContent = "That could not be loaded. Try again";
    return;
  }
  place?.restore();
  // The end is reached: what comes now belongs below.
  if (a.dataset.more === "newer" && !document.querySelector('[data-more="newer"]')) list().id = "messages";
  trim();
  noticeScroll();
  watch();
}

const more = (a) => { loading ??= load(a).finally(() => { loading = null; }); };

function watch() {
  near?.disconnect();
  near = new IntersectionObserver((entries) => {
    for (const e of entries) if (e.isIntersecting) more(e.target);
  }, { root: scroller(), rootMargin: "300px 0px" });
  for (const a of document.querySelectorAll("[data-more]")) near.observe(a);
}

// Frames wait for a load, or a change to a message that is on its way would find nothing to change, and a new message
// would fall between the last page and the live end.
document.addEventListener("htmx:sse:before:message", (e) => { if (loading) e.detail.waitUntil(loading); });
document.addEventListener("htmx:after:swap", () => { if (!loading) trim(); });
document.addEventListener("click", (e) => {
  const a = e.target.closest?.("[data-more]");
  if (!a || e.ctrlKey || e.metaKey || e.shiftKey) return;
  e.preventDefault();
  more(a);
});
// Somebody has posted or wants to go there.
document.addEventListener("talk:newest", () => (isLive() ? toEnd() : reload(room())));
document.addEventListener("talk:after:reload", watch);
watch();
