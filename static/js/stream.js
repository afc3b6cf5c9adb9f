// Keeps the page live: new tries, the watchdog, and what to do on resync, auth and bye. Without it the page is as it was
// when it loaded.

import { show, tell, trouble } from "./light.js";
import { confirmWho, signIn } from "./signin.js";

const SILENCE = 60_000; // the server sends something at least every 20 s
const element = () => document.getElementById("stream");
let heard = Date.now();
let connection = null; // hx-sse's, once it was answered
let resting = false; // nobody sees this tab, see tabs.js
let working = false; // a frame is being put into the page
let next = 0; // the timer of the next try

// hx-sse tries a first connection again only when its element's trigger fires.
function connect() {
  clearTimeout(next);
  if (!connection && !resting) window.htmx?.trigger(element(), "every");
}

function later() {
  clearTimeout(next);
  trouble();
  next = setTimeout(connect, 1_000 + Math.random() * 2_000);
}

// Ends the connection under hx-sse, which then connects again with the last id it saw.
function restart() {
  heard = Date.now();
  trouble();
  if (connection?.reader) connection.abortController.abort();
  else if (connection) connection.delayCanceller?.();
  else connect();
}

export function rest() {
  resting = true;
  if (connection?.reader) connection.abortController.abort();
}

export function resume() {
  resting = false;
  if (!connection) connect();
  else if (Date.now() - heard > SILENCE / 2) restart();
}

// Continuity is lost: this stream ends, and the page that is loaded in its place brings another.
function lose() {
  element().dataset.lost = "";
  if (tell("resync")) location.reload();
}

// A stream that has ended with confirm is refused with 403 when it is asked for again, unless another tab has done it.
function refused(status) {
  if (status === 401) signIn();
  else if (status === 403) confirmWho();
  else if (status === 404) location.reload();
  else trouble();
}

const on = (name, f) => document.addEventListener(name, (e) => { if (e.target.id === "stream") f(e, e.detail); });
const stopped = (stream) => resting || "lost" in stream.dataset;

on("htmx:config:request", (e, { ctx }) => {
  if (stopped(e.target)) e.preventDefault();
  else if (e.target.dataset.cursor) ctx.request.headers["Last-Event-ID"] = e.target.dataset.cursor;
});
on("htmx:sse:before:connection", (e, { connection: c }) => {
  if (stopped(e.target)) return e.preventDefault();
  c.lastEventId ||= e.target.dataset.cursor ?? "";
  if (c.attempt > 0) trouble(); // a response that just ends is no error
});
on("htmx:sse:after:connection", (e, { connection: c }) => {
  connection = c;
  heard = Date.now();
  if (resting) c.abortController.abort();
});
on("htmx:sse:before:message", () => { heard = Date.now(); working = true; });
on("htmx:sse:after:message", () => { working = false; });
on("htmx:sse:error", (e, { connection: c, status }) => {
  if (!working) return refused(status);
  // The cursor has moved past a frame that is not in the page.
  working = false;
  c.abortController.abort();
  lose();
});
on("htmx:sse:close", (e, { connection: c, reason }) => {
  if (c === connection) connection = null;
  e.target.dataset.cursor = c.lastEventId;
  if (reason === "ended" && !stopped(e.target)) later();
});
on("htmx:response:error", (e, { ctx }) => { later(); refused(ctx.response.status); });
on("htmx:error", later);
on("hello", () => show("live"));
on("bye", trouble);
on("auth", signIn);
on("resync", lose);
addEventListener("online", restart);
addEventListener("pageshow", (e) => { if (e.persisted) restart(); });
setInterval(() => { if (!resting && Date.now() - heard > SILENCE) restart(); }, 5_000);
