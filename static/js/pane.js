// Loads the messages anew when the stream can't be continued; what is being read, written and edited stays. Without it
// the page would have to be loaded.

import { tell } from "./light.js";
import { parse, takeLists, wait } from "./rooms.js";
import { hold, list, room, toEnd } from "./scroll.js";

let running = null;

// Answers whether the pane is new. Two wishes at a time are one.
export const reload = (url) => running ??= renew(url).finally(() => { running = null; });

async function renew(url) {
  const keeps = url ? null : hold();
  const seq = keeps?.message.dataset.seq;
  const answer = await fetch(url ?? (seq ? `${room()}/messages/${seq}` : room()), { redirect: "manual" }).catch(() => null);
  if (!answer || answer.status >= 500) return false;
  const page = answer.ok ? parse(await answer.text()) : null;
  const fresh = page?.getElementById("pane");
  if (!fresh) return location.reload(), true;

  takeLists(page);
  const focus = document.activeElement;
  const editor = document.querySelector(".editor");
  keeps?.measure();
  editor?.remove();
  // Without settling all of this is done before anything is drawn.
  await htmx.swap({ text: fresh.outerHTML, target: document.getElementById("pane"), swap: "outerHTML settle:0", sourceElement: document.body });
  if (editor) {
    const place = document.getElementById(`m-${editor.dataset.seq}`);
    if (place) place.after(editor);
    else list().append(editor);
    if (editor.contains(focus)) focus.focus({ preventScroll: true });
  }
  if (url) history.replaceState(null, "", url); // of a message further up before
  tell("after:reload");
  if (keeps) keeps.restore();
  else toEnd();
  return true;
}

document.addEventListener("talk:resync", async (e) => {
  e.preventDefault();
  while (!(await reload())) await wait(2_000);
});
