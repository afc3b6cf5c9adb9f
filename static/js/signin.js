// Leads to the sign-in page, and from there back here, when the session has ended. Without it the next click leads there.

let leaving = false; // another page is on its way

export function signIn() {
  if (leaving) return;
  leaving = true;
  const url = new URL(document.getElementById("stream").dataset.login, location.href);
  url.searchParams.set("return", location.pathname + location.search);
  location.assign(url);
}

// The way out leads through the provider; the stream, which ends meanwhile, must not lead elsewhere.
document.querySelector("[data-log-out]").addEventListener("submit", () => { leaving = true; });
addEventListener("pageshow", () => { leaving = false; });
