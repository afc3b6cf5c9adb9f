// Tells screen readers what others write: each message when it is calm, a count when it is not. Without it they read the
// page.

import { me } from "./draft.js";

const PAUSE = 1_500;
const region = document.getElementById("announcer");
const latest = () => Math.max(0, ...[...document.querySelectorAll("#scroll .message")].map((m) => Number(m.dataset.seq)));
let news = [];
let timer = 0;
let last = latest();

function speak() {
  timer = 0;
  const say = (m) => `${m.querySelector(".message__author").textContent}: ${m.querySelector(".message__body")?.textContent.trim() ?? ""}`;
  region.textContent = news.length > 3 ? `${news.length} new messages` : news.map(say).join("\n");
  news = [];
}

document.addEventListener("htmx:after:swap", () => {
  for (const m of document.querySelectorAll("#messages .message")) {
    if (Number(m.dataset.seq) <= last) continue;
    last = Number(m.dataset.seq);
    if (m.dataset.author !== me) news.push(m);
  }
  if (news.length > 0) timer ||= setTimeout(speak, PAUSE);
});
// Walking back to the end by pages is reading, not news.
document.addEventListener("htmx:before:swap", (e) => {
  if (e.target.matches?.("[data-more]")) setTimeout(() => { last = Math.max(last, latest()); });
});
