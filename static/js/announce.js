// Tells screen readers what others write: each message when it is calm, a count when it is not. Without it they read the
// page.

const LULL = 1_500;
const region = document.getElementById("announcer");
let unspoken = [];
let timer = 0;

function speak() {
  timer = 0;
  const text = (m) => `${m.querySelector(".message__author").textContent}: ${m.querySelector(".message__body").textContent.trim()}`;
  region.textContent = unspoken.length > 3 ? `${unspoken.length} new messages` : unspoken.map(text).join("\n");
  unspoken = [];
}

// What was missed the light says.
document.addEventListener("talk:news", ({ detail: { news, late } }) => {
  if (late) return;
  unspoken.push(...news);
  timer ||= setTimeout(speak, LULL);
});
