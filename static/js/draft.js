// Keeps what is in the composer over reloads. Without it the page forgets it.

export const form = document.getElementById("composer");
export const touch = matchMedia("(hover: none) and (pointer: coarse)"); // focus opens a keyboard
export const me = document.getElementById("room").dataset.me;
// What a person has written is theirs alone, also at a browser that several use. Private windows may refuse storage; the
// page works without.
export const box = (() => { try { return localStorage ?? {}; } catch { return {}; } })();
const place = `draft ${me} ${form.action}`;

export const draft = {
  get: () => box[place] ?? "",
  set(text) { try { text ? box[place] = text : delete box[place]; } catch { /* it is full */ } },
};
