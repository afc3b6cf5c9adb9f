// Warns before the session ends: asks the server then, as somebody may have signed in again. Without it a page that is
// loaded in the last minutes warns.

import { parse } from "./rooms.js";
import { localise } from "./times.js";

const WARNING = 5 * 60_000; // before the end
const AGAIN = 60_000; // between two questions
const DAY = 86_400_000; // a timer takes no more than 24 days
const place = document.getElementById("ending");
let ahead = 0; // of the server's clock
let alarm = 0;

function wind(least) {
  clearTimeout(alarm);
  const left = Date.parse(place.dataset.expires) + ahead - Date.now();
  if (left < 0) return;
  alarm = setTimeout(left - WARNING > DAY ? wind : ask, Math.min(Math.max(left - WARNING, least), DAY), 0);
}

async function ask() {
  const back = encodeURIComponent(location.pathname + location.search);
  const answer = await fetch(`${place.dataset.url}?return=${back}`, { redirect: "manual" }).catch(() => null);
  const fresh = answer?.ok && parse(await answer.text()).getElementById("ending");
  // What stays is not said again.
  if (fresh && (fresh.dataset.expires !== place.dataset.expires || fresh.childElementCount !== place.childElementCount)) {
    place.dataset.expires = fresh.dataset.expires;
    place.replaceChildren(...fresh.childNodes);
    localise(place);
  }
  wind(AGAIN);
}

// A device that has slept comes back with a hello; its timers are late.
document.addEventListener("hello", (e) => {
  ahead = Date.now() - Date.parse(JSON.parse(e.detail.data).time);
  wind(0);
});
wind(0);
