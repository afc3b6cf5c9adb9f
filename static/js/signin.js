// Leads to the sign-in page when the session has ended, and from there back here; so do the browser's other tabs of this
// session, which may have no stream to hear it from. Without it the next click leads there.

const { loginId } = document.body.dataset;
let leaving = false; // another page is on its way
let others = null; // the other tabs

function leave(address) {
  if (leaving || !address) return;
  leaving = true;
  const url = new URL(address, location.href);
  url.searchParams.set("return", location.pathname + location.search);
  location.assign(url);
}

const leadTo = (where) => leave(document.getElementById("stream").dataset[where]);

export function signIn() {
  others?.postMessage(loginId);
  leadTo("login");
}

// The room wants to know once more who this is.
export const confirmWho = () => leadTo("confirm");

// Somebody else may have signed in meanwhile, whose tabs stay.
function hear() {
  others = new BroadcastChannel("letstalk");
  others.onmessage = ({ data }) => { if (data === loginId) leadTo("login"); };
}

// The way out leads through the provider; the stream, which ends meanwhile, must not lead elsewhere.
document.querySelector("[data-log-out]").addEventListener("submit", () => { leaving = true; });
// A page that the browser keeps for going back would be dropped for listening. Shown again, it asks for its stream.
addEventListener("pagehide", () => { others.close(); others = null; });
addEventListener("pageshow", ({ persisted }) => {
  leaving = false;
  if (persisted) hear();
});
// Somebody else has signed in with this browser while the page had no stream: what it shows was not theirs to see.
document.addEventListener("hello", ({ detail: { data } }) => { if (String(JSON.parse(data).login) !== loginId) location.reload(); });
hear();
