// Posts the words of a message with an htmx form of their own and finds out whether the server has taken them. Without it
// the composer is the form.

import { messages } from "./scroll.js";

const PATIENCE = "30s"; // for an answer
let parcel = null; // the form that is under way

// Ends the wait for an answer that will not come.
export const giveUp = () => parcel && htmx.trigger(parcel, "htmx:abort");

function pack(action, fields) {
  const made = Object.assign(document.createElement("form"), { hidden: true, method: "post", action, enctype: "multipart/form-data" });
  for (const [name, value] of Object.entries({ "hx-post": action, "hx-swap": "none", "hx-config": `timeout:${PATIENCE} redirect:manual` })) made.setAttribute(name, value);
  for (const [name, value] of Object.entries(fields)) made.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  return made;
}

// A try before this one may have come through long ago: the message has its place above the first in the page, and below
// it there would be a hole.
function isEarlier(text) {
  const seq = Number(text.match(/ data-seq="(\d+)"/)?.[1]);
  return document.querySelector('[data-more="older"]') && seq < Number(messages()[0]?.dataset.seq);
}

// Answers with the status, 0 if none came from the server, and how long to wait before the next try. Htmx puts what was
// answered into the page if judge, which is told the status first, returns true.
export const post = (action, fields, judge) => new Promise((done) => {
  if (!window.htmx) return done({ status: 0 });
  let status = 0;
  parcel = pack(action, fields);
  parcel.addEventListener("htmx:after:request", (e) => {
    const { response, text } = e.detail.ctx;
    // Something on the way, such as the log-in page of a network, may answer in the server's place.
    status = response.raw.ok && !text.includes("<hx-upsert") ? 0 : response.status;
    if (!judge(status) || isEarlier(text)) e.preventDefault();
  });
  parcel.addEventListener("htmx:finally:request", (e) => {
    parcel.remove();
    parcel = null;
    done({ status, pause: 1_000 * e.detail.ctx.response?.headers.get("Retry-After") });
  });
  document.body.append(parcel);
  htmx.process(parcel);
  parcel.requestSubmit();
});
