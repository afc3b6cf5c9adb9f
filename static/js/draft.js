// Keeps what is in the composer, with its number, over reloads: words that did arrive are not sent twice then. Without it
// the page forgets them.

const composed = document.getElementById("composer");
export const me = document.getElementById("room").dataset.me;
const key = `draft ${me} ${composed.action}`;

export const { nonce } = composed.elements;
export const newNonce = () => { nonce.value = Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join(""); };

// Private windows may refuse storage; the page works without.
export const storage = {
  get() { try { return JSON.parse(localStorage.getItem(key)) ?? []; } catch { return []; } },
  set(text) { try { text ? localStorage.setItem(key, JSON.stringify([text, nonce.value])) : localStorage.removeItem(key); } catch { /* see above */ } },
};
