// Shows whether the page is live, in words and shapes, and tells the other scripts. Without it there is no light.

const words = { connecting: "Connecting…", live: "Live", reconnecting: "Reconnecting…", offline: "Offline" };
const light = document.getElementById("light");

export const tell = (what, detail) => document.dispatchEvent(new CustomEvent(`talk:${what}`, { detail, cancelable: true }));

export function show(state) {
  if (light.dataset.state === state && !light.hidden) return;
  light.hidden = false;
  light.dataset.state = state;
  light.textContent = words[state];
  tell("state", state);
}

export const trouble = () => show(navigator.onLine ? "reconnecting" : "offline");

addEventListener("offline", trouble);
show("connecting");
