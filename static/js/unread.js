// Counts in the title what others write while nobody looks, and draws a line above the first that was not seen. Without it
// the title is the room's and there is no line.

import { messages } from "./scroll.js";

const title = document.title;
const line = Object.assign(document.createElement("li"), { className: "new", textContent: "New" });
let unread = 0;
let from = 0; // the first message that was not seen
let gone = false; // the reader has not been back since

function drawLine() {
  line.remove();
  if (from) messages().find((m) => Number(m.dataset.seq) >= from)?.before(line);
}

document.addEventListener("talk:news", ({ detail: { news, late } }) => {
  if (document.hidden) document.title = `(${unread += news.length}) ${title}`;
  else if (!late) return;
  if (gone) return;
  gone = true;
  from = Number(news[0].dataset.seq);
  drawLine();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  unread = 0;
  gone = false;
  document.title = title;
});
document.addEventListener("talk:caught-up", () => { gone = false; });
document.addEventListener("talk:after:reload", drawLine);
// Whoever answers has read.
document.addEventListener("talk:written", () => {
  from = 0;
  drawLine();
});
