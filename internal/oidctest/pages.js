// The pages a person sees, and a test walks: plain forms, no scripts, nothing from elsewhere.
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const page = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><link rel="icon" href="data:,">
  <h1>${title}</h1>${body}</html>`;

export function send(res, html, status = 200) {
  res.writeHead(status, { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store" });
  res.end(html);
}

export const login = (accounts) =>
  page(
    "Who are you?",
    `<form method="post">
    ${[...accounts.values()].map((a) => `<p><button name="account" value="${a.name}">${a.title}</button>`).join("")}
    <p><label><input type="checkbox" name="weak" value="yes"> My second factor is at home</label>
    <p><button name="refuse" value="yes">Refuse</button></form>`,
  );

export const consent = ({ client_id, scope }) =>
  page(
    "May it know?",
    `<p>${escape(client_id)} asks for: ${escape(scope)}.
    <form method="post"><p><button name="consent" value="yes">Allow</button>
    <p><button name="refuse" value="yes">Refuse</button></form>`,
  );

export const oops = (error) => page("Something went wrong", `<pre>${escape(error.message)}</pre>`);

export function logout(ctx, form) {
  ctx.body = page(
    "Sign out?",
    `${form}<p><button form="op.logoutForm" name="logout" value="yes">Sign out</button>
    <p><button form="op.logoutForm">Stay</button>`,
  );
}

export function loggedOut(ctx) {
  ctx.body = page("You are signed out", "");
}

export function failure(ctx, out) {
  ctx.type = "html";
  ctx.body = page("Something went wrong", `<pre>${escape(JSON.stringify(out))}</pre>`);
}
