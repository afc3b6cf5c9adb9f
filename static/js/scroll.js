// Follows the end of the talk while the reader is there and offers a way down when not. Without it the page opens at its
// top and stays where it is.

import { tell } from "./light.js";

const NEAR = 100; // pixels from the end that count as being there
const button = () => document.getElementById("new-messages");
export const scroller = () => document.getElementById("scroll");
export const list = () => document.querySelector("#scroll ol.messages");
export const messages = () => [...list().querySelectorAll(".message")];
export const room = () => document.getElementById("pane").dataset.url;
export const isLive = () => list().id === "messages"; // its end is the room's end
let following = false;
let at = 0; // where the list was scrolled to when following was last found out
let lastSeen = 0;

export const isFollowing = () => following;

export function toEnd() {
  scroller().scrollTop = scroller().scrollHeight;
  noticeScroll();
}

// Remembers the first message in view and where it is, to bring it back there after the list has changed; null at the end.
export function hold() {
  if (following) return null;
  const top = scroller().getBoundingClientRect().top;
  const message = messages().find((m) => m.getBoundingClientRect().bottom > top);
  if (!message) return null;
  // Its lower edge: above it, its author may come or go with the message before.
  const where = () => document.getElementById(message.id)?.getBoundingClientRect().bottom;
  let was = where();
  return {
    message,
    measure() { was = where() ?? was; },
    restore() { scroller().scrollTop += (where() ?? was) - was; },
  };
}

export function noticeScroll() {
  const s = scroller();
  at = s.scrollTop;
  following = isLive() && s.scrollHeight - at - s.clientHeight < NEAR;
  if (following || !isLive()) offer(!isLive(), "Jump to the newest");
}

function offer(wanted, text) {
  button().hidden = !wanted;
  if (wanted) button().textContent = text;
}

// Whoever edits a message keeps it in view.
const follows = () => following && !list().querySelector(".editor");

function grown() {
  const last = Number(messages().at(-1)?.dataset.seq ?? 0);
  const later = last > lastSeen;
  lastSeen = Math.max(last, lastSeen);
  if (scroller().scrollTop < at - NEAR) following = false; // scrolled since; the event for it is on its way
  if (follows()) toEnd();
  else if (later && isLive()) offer(true, "New messages");
}

function listen() {
  lastSeen = Number(messages().at(-1)?.dataset.seq ?? 0);
  scroller().addEventListener("scroll", noticeScroll, { passive: true });
  button().addEventListener("click", () => tell("newest"));
  new ResizeObserver(() => { if (follows()) toEnd(); }).observe(scroller());
  new MutationObserver(grown).observe(list(), { childList: true, subtree: true });
  noticeScroll();
}

// The page opens at the message its address names, else at the end.
function land() {
  const id = scroller().dataset.anchor ?? location.hash.slice(1);
  const message = id && document.getElementById(id);
  if (message) {
    message.dataset.anchor = "";
    message.scrollIntoView({ block: "center" });
  } else if (isLive()) {
    toEnd();
  }
}

document.addEventListener("talk:after:reload", listen);
listen();
land();
