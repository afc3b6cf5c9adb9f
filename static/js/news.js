// Notices what others have written, tells the other scripts, and says how much of it was missed while the page was away.
// Without it the page is as new and says nothing.

import { me } from "./draft.js";
import { note, tell } from "./light.js";
import { isLive, messages } from "./scroll.js";

const seq = (m) => Number(m.dataset.seq);
const cursor = () => Number(new URL(document.getElementById("stream").getAttribute("hx-sse:connect"), location).searchParams.get("after"));
let known = cursor(); // the page has heard of everything up to here
let upTo = 0; // it is catching up to here
let away = false; // it was without a stream since it was drawn
let missed = 0;
let atLeast = "";

function report(all, late) {
  const news = all.filter((m) => seq(m) > known && m.dataset.author !== me && !m.matches(".message--deleted"));
  known = Math.max(known, ...all.map(seq));
  if (late) missed += news.length;
  if (news.length > 0) tell("news", { news, late });
}

// Nobody looks at a hidden tab: it says it later.
function caughtUp() {
  upTo = 0;
  if (document.hidden) return;
  if (missed > 0) note(`Caught up, ${atLeast}${missed} message${missed === 1 ? "" : "s"}`);
  missed = 0;
  atLeast = "";
  tell("caught-up");
}

document.addEventListener("hello", (e) => {
  const hello = JSON.parse(e.detail.data);
  if (away) upTo = hello.upTo;
  away = true;
  if (!(upTo > hello.seq)) caughtUp();
});
document.addEventListener("talk:state", (e) => { away ||= e.detail === "reconnecting" || e.detail === "offline"; });

document.addEventListener("htmx:sse:after:message", (e) => {
  const { event, data, id } = e.detail.message;
  if (!event) {
    const frame = Object.assign(document.createElement("template"), { innerHTML: data });
    report([...frame.content.querySelectorAll("hx-upsert .message")], Number(id) <= upTo);
  }
  if (upTo && Number(id) >= upTo) caughtUp();
});

document.addEventListener("talk:after:reload", () => {
  const all = messages();
  const gap = !isLive() || (all.length > 0 && seq(all[0]) > known && document.querySelector('[data-more="older"]'));
  if (gap) atLeast = "more than ";
  report(all, true);
  known = Math.max(known, cursor());
});

document.addEventListener("visibilitychange", () => { if (!upTo) caughtUp(); });
