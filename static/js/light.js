// Shows whether the page is live, in words and shapes, and tells the other scripts. Without it there is no light.

const words = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", offline: "Offline" };
const light = document.getElementById("light");
let quiet = 0;

export const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`talk:${what}`, { detail, cancelable: true }));

// Says something else for a while.
export function note(text) {
  light.dataset.note = "";
  light.textContent = text;
  clearTimeout(quiet);
  quiet = setTimeout(plain, 8_000);
}

function plain() {
  clearTimeout(quiet);
  delete light.dataset.note;
  light.textContent = words[light.dataset.state];
}

export function show(state) {
  if (light.dataset.state === state && !light.hidden) return;
  light.hidden = false;
  light.dataset.state = state;
  plain();
  tell("state", state);
}

export const trouble = () => show(navigator.onLine ? "reconnecting" : "offline");

addEventListener("offline", trouble);
show("connecting");
