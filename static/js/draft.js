// Keeps what is being written over reloads. Without it the page forgets it.

export const form = document.getElementById("composer");
export const touch = matchMedia("(hover: none) and (pointer: coarse)"); // focus opens a keyboard
export const me = document.getElementById("room").dataset.me;
// What a person has written is theirs alone, also at a browser that several use. Private windows may refuse storage; the
// page works without.
const storage = (get) => { try { return get() ?? {}; } catch { return {}; } };
export const box = storage(() => localStorage);
export const ofTab = storage(() => sessionStorage);

export const keeping = (place, where = box) => ({
  get: () => where[place] ?? "",
  set(text) { try { text ? where[place] = text : delete where[place]; } catch { /* it is full */ } },
});
export const draft = keeping(`draft ${me} ${form.action}`);
