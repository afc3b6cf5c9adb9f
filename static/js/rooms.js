// Keeps the lists of rooms as they are for this person now. Without it they are as they were when the page loaded.

import { localise } from "./times.js";

const SPREAD = 5_000; // after a restart many pages look
const lists = (page) => [...page.querySelectorAll("[data-rooms]")];
let looking = false;
let outdated = false;
let hadStream = false; // since the lists were drawn with the rest of the page

export const wait = (ms) => new Promise((done) => { setTimeout(done, ms); });
export const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// Takes the lists of another copy of the page.
export function takeLists(page) {
  const fresh = lists(page);
  lists(document).forEach((list, i) => {
    if (!fresh[i]) return;
    const href = list.contains(document.activeElement) && document.activeElement.getAttribute("href");
    list.replaceWith(fresh[i]);
    localise(fresh[i]);
    if (href) fresh[i].querySelector(`[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  });
}

// What else may be the answer the stream will tell. False if there was none.
async function look() {
  const answer = await fetch(location.pathname + location.search, { redirect: "manual" }).catch(() => null);
  const html = answer?.ok && await answer.text().catch(() => null);
  if (html) takeLists(parse(html));
  return answer?.status < 500 && html !== null;
}

async function updateLists() {
  outdated = true;
  if (looking) return;
  looking = true;
  while (outdated) {
    outdated = false;
    if (await look()) continue;
    outdated = true;
    await wait(SPREAD);
  }
  looking = false;
}

document.addEventListener("rooms", updateLists);
// Of what changed while the page had no stream nobody has told it.
document.addEventListener("hello", (e) => {
  const { seq, told } = JSON.parse(e.detail.data);
  const known = Math.max(hadStream ? seq : 0, ...lists(document).map((list) => Number(list.dataset.rooms)));
  hadStream = true;
  if (told > known) setTimeout(updateLists, Math.random() * SPREAD);
});
document.addEventListener("talk:after:reload", () => { hadStream = false; });
