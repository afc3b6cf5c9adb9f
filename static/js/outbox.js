// Keeps every message until the server has it, over lost connections and reloads, and sends them in order. Each has its
// number, so it is posted once however often it is sent. Without it the composer is htmx's form.

import { box, form, me } from "./draft.js";
import { tell } from "./light.js";
import { giveUp, post } from "./post.js";
import { signIn } from "./signin.js";

const PAUSE = 10_000; // before the next try
const WAITING = "Waiting to be sent";
const mine = `unsent ${me} `; // when, number and address follow: a key for each message, as other tabs write there too
const unwanted = new Set(); // the server won't have them as they are
let problem = ""; // why the first could not be sent
let written = 0; // when the latest was
let busy = false;
let again = 0; // the timer of the next try
const unsent = () => Object.keys(box).filter((key) => key.startsWith(mine)).sort();
const first = () => unsent().find((key) => !unwanted.has(key));

// What is to be sent from this room and why it waits; no reason while it is on its way.
export const outstanding = () => unsent().filter((key) => key.endsWith(` ${form.action}`)).map((key, i) => ({
  key,
  words: box[key],
  why: unwanted.has(key) ? "This was not taken" : "away" in form.dataset ? WAITING : problem && (i ? WAITING : problem),
}));

function soon(pause) {
  clearTimeout(again);
  again = setTimeout(flush, pause);
}

// Answers whether the next may follow.
async function send(key) {
  const words = box[key];
  if (words === undefined) return true; // another tab has sent it
  const [, , , nonce, action] = key.split(" ");
  const here = action === form.action;
  let failed = true;
  const { status, pause } = await post(action, { body: words, nonce }, (code) => {
    failed = code === 0 || code === 401 || code >= 500 || (code === 429 && unsent().length > 1);
    if (code === 200) drop(key); // the message takes its place
    return here && !failed;
  });
  if (failed) soon(pause || (problem ? PAUSE : 1_000)); // the first time it may have been a hiccup
  problem = failed ? `Not sent yet: ${status === 429 ? "that was a lot at once" : status ? "the server has a problem" : "the server can't be reached"}` : "";
  if (status === 401) signIn();
  if (!failed && status !== 200) {
    if (here && !tell("refused", words)) drop(key); // its writer has it again
    else unwanted.add(key);
  }
  tell("outbox");
  return !problem;
}

// One tab of the browser sends at a time; what it has sent the others don't find any more.
const alone = (work) => navigator.locks?.request(mine, work) ?? work();

async function flush(key = first()) {
  if (busy) return;
  busy = true;
  try {
    while (key) key = (await alone(() => send(key))) && first();
  } finally {
    busy = false;
  }
}

// Keeps the words and sends them; false if there is no room to keep them.
export function put(words) {
  written = Math.max(Date.now(), written + 1);
  try { box[`${mine}${written} ${crypto.randomUUID()} ${form.action}`] = words; } catch { return false; }
  tell("outbox");
  tell("written");
  tell("newest");
  flush();
  return true;
}

export function drop(key) {
  delete box[key];
  unwanted.delete(key);
  tell("outbox");
}

export const retry = (key) => { unwanted.delete(key); flush(key); };

document.addEventListener("talk:state", ({ detail: state }) => {
  if (state === "live" && busy && "away" in form.dataset) giveUp(); // it went over the connection that is gone
  form.toggleAttribute("data-away", state === "offline" || state === "reconnecting");
  tell("outbox");
  if (state === "live") setTimeout(flush, busy ? 500 : 0);
});
addEventListener("storage", (e) => {
  if (!e.key?.startsWith(mine)) return;
  tell("outbox");
  soon(PAUSE); // in case that tab is gone
});
soon(PAUSE); // in case there is no stream
