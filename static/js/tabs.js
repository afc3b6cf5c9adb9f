// Has hidden tabs let go of their stream, all but one: browsers open six HTTP/1.1 connections to a host, and the seventh
// tab would wait for ever. Without it every tab keeps its stream.

import { rest, resume } from "./stream.js";

const LOCK = "letstalk background"; // whoever holds it stays connected while hidden, for what may need telling
const shared = /^h[23]/.test(performance.getEntriesByType("navigation")[0]?.nextHopProtocol); // one connection for all
let waiting = null; // ends the wait for the lock
let release = null; // gives the lock back

// Holds the lock until somebody looks at this tab.
function keep(lock) {
  if (!lock || !document.hidden) return;
  resume();
  return new Promise((done) => { release = done; });
}

async function hide() {
  waiting = new AbortController();
  const { signal } = waiting;
  const locks = navigator.locks;
  let kept = false;
  await locks?.request(LOCK, { ifAvailable: true }, (lock) => { kept = Boolean(lock); return keep(lock); });
  if (kept || signal.aborted) return;
  rest();
  await locks?.request(LOCK, { signal }, keep).catch(() => { /* somebody looks at the tab */ });
}

function change() {
  waiting?.abort();
  release?.();
  release = null;
  if (document.hidden) hide();
  else resume();
}

if (!shared && document.hidden) {
  rest();
  hide();
}
document.addEventListener("visibilitychange", () => { if (!shared) change(); else if (!document.hidden) resume(); });
