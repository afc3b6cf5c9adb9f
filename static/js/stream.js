// Keeps the page live: the connection light, the watchdog, and what to do on resync, auth and bye. Without it the page is
// as it was when it loaded.

const SILENCE = 60_000; // the server sends something at least every 20 s
const words = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", offline: "Offline" };
const light = document.getElementById("light");
let heard = Date.now();
let connection = null;

export const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`talk:${what}`, { detail }));

function show(state) {
  if (light.dataset.state === state && !light.hidden) return;
  light.hidden = false;
  light.dataset.state = state;
  light.textContent = words[state];
  tell("state", state);
}

const trouble = () => show(navigator.onLine ? "reconnecting" : "offline");

// Ends the connection under htmx, which then connects again with the last id it saw.
function restart() {
  heard = Date.now();
  trouble();
  connection?.reader?.cancel().catch(() => {});
}

export function signIn() {
  const url = new URL(document.getElementById("stream").dataset.login, location.href);
  url.searchParams.set("return", location.pathname + location.search);
  location.assign(url);
}

// Loads the pane anew, with a stream of its own; the composer and what is in it stay.
export async function reload(url = location.pathname + location.search) {
  const answer = await fetch(url, { redirect: "manual" }).catch(() => null);
  if (!answer) return; // the stream goes on trying, and will be told again
  const page = answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  const pane = document.getElementById("pane");
  const fresh = page?.getElementById("pane");
  if (!pane || !fresh) return location.reload();
  tell("before:reload");
  await htmx.swap({ text: fresh.outerHTML, target: pane, swap: "outerHTML", sourceElement: document.body });
  tell("after:reload");
}

document.addEventListener("htmx:sse:after:connection", (e) => {
  connection = e.detail.connection;
  heard = Date.now();
});
document.addEventListener("htmx:sse:before:message", () => { heard = Date.now(); });
document.addEventListener("hello", () => show("live"));
document.addEventListener("resync", () => reload());
document.addEventListener("auth", signIn);
document.addEventListener("bye", trouble);
// A response that just ends is no error: the loop begins to wait for its next try.
document.addEventListener("htmx:sse:before:connection", (e) => { if (e.detail.connection.attempt > 0) trouble(); });
document.addEventListener("htmx:sse:error", (e) => {
  if (e.detail.status === 401) signIn();
  else if (e.detail.status === 404) location.reload();
  else trouble();
});
document.addEventListener("htmx:sse:close", (e) => { if (e.detail.reason === "ended") trouble(); });
document.addEventListener("htmx:response:error", (e) => {
  if (e.target.id === "stream" && e.detail.ctx.response.status === 401) signIn();
});
document.addEventListener("htmx:error", (e) => { if (e.target.id === "stream") trouble(); });
addEventListener("offline", trouble);
addEventListener("online", restart);
addEventListener("pageshow", (e) => { if (e.persisted) restart(); });
setInterval(() => { if (Date.now() - heard > SILENCE) restart(); }, 5_000);
