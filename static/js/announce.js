// Tells screen readers what others write: each message when it is calm, a count when it is not. Without it they read the
// page.

const PAUSE = 1_500;
const region = document.getElementById("announcer");
const me = document.getElementById("room").dataset.me;
let waiting = [];
let timer = 0;
let last = Math.max(0, ...[...document.querySelectorAll("#scroll .message")].map((m) => Number(m.dataset.seq)));

function speak() {
  timer = 0;
  const say = (m) => `${m.querySelector(".message__author").textContent}: ${m.querySelector(".message__body")?.textContent.trim() ?? ""}`;
  region.textContent = waiting.length > 3 ? `${waiting.length} new messages` : waiting.map(say).join("\n");
  waiting = [];
}

document.addEventListener("htmx:after:swap", () => {
  for (const m of document.querySelectorAll("#messages .message")) {
    if (Number(m.dataset.seq) <= last) continue;
    last = Number(m.dataset.seq);
    if (m.dataset.author !== me) waiting.push(m);
  }
  if (waiting.length > 0) timer ||= setTimeout(speak, PAUSE);
});
