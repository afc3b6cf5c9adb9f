// A real OpenID provider for the tests: npm's oidc-provider with a few accounts and without passwords. It is told its
// clients in the first line of its standard input and what else to do in the following ones, and answers each with a line.
// When its input ends, so does it: no test leaves one behind, however it dies.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";

import Provider, { interactionPolicy } from "oidc-provider";

import { accounts, claims, find } from "./accounts.js";
import { memory } from "./memory.js";
import * as pages from "./pages.js";

// Standard output is for the answers; the provider writes notices there.
console.log = console.info = console.error;

// A test may move the clock.
const realNow = Date.now;
let ahead = 0; // milliseconds
Date.now = () => realNow() + ahead;

// The ways to sign in that acr_values may name, the weakest first.
const levels = ["urn:example:password", "urn:example:second-factor"];

const { Check, base } = interactionPolicy;

// The provider itself holds acr_values for a wish that may be ignored. This one asks again.
const policy = base();
policy.get("login").checks.add(
  new Check("acr_values", "another way to sign in is asked for", ({ oidc }) => {
    const wanted = oidc.params.acr_values?.split(" ") ?? [];
    return wanted.some((acr) => levels.includes(acr)) && !wanted.includes(oidc.session.acr) && !oidc.result?.login;
  }),
);

function client({ ID, Secret, RedirectURIs, PostLogoutRedirectURIs, BackchannelLogoutURI }) {
  return {
    client_id: ID,
    ...(Secret ? { client_secret: Secret } : { token_endpoint_auth_method: "none" }),
    redirect_uris: RedirectURIs,
    post_logout_redirect_uris: PostLogoutRedirectURIs ?? [],
    ...(BackchannelLogoutURI
      ? { backchannel_logout_uri: BackchannelLogoutURI, backchannel_logout_session_required: true }
      : {}),
    grant_types: ["authorization_code", "refresh_token"],
    id_token_signed_response_alg: "ES256",
  };
}

function configuration(clients, port, store) {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    adapter: store.adapter,
    clients: clients.map(client),
    jwks: { keys: [{ ...privateKey.export({ format: "jwk" }), use: "sig", alg: "ES256" }] },
    cookies: {
      keys: [randomBytes(32).toString("hex")],
      // To a browser all ports of a machine are one, and a test may run two providers.
      names: { session: `session_${port}`, interaction: `interaction_${port}`, resume: `resume_${port}` },
    },
    findAccount: find,
    claims,
    conformIdTokenClaims: false, // as most do: what the scopes release is in the ID token, too
    scopes: ["openid", "offline_access", "profile", "email", "groups"],
    acrValues: levels,
    pkce: { required: () => true },
    rotateRefreshToken: true,
    // Without prompt=consent, which makes every sign-in a question, this provider ignores offline_access. What most make of
    // it is what its documentation offers instead: each client that may gets a refresh token, as good as the session is.
    issueRefreshToken: (_, c) => c.grantTypeAllowed("refresh_token"),
    clientBasedCORS: () => false,
    renderError: pages.failure,
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: pages.logout, postLogoutSuccessSource: pages.loggedOut },
    },
    interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
    // Its own dispatcher refuses loopback, which is where everything is here.
    fetch: (url, { dispatcher, ...options }) => fetch(url, options),
    ttl: { AccessToken: 300, Grant: 86400, IdToken: 300, Interaction: 600, RefreshToken: 86400, Session: 86400 },
  };
}

// interact shows the page that the provider sent the browser to, or takes its answer.
async function interact(provider, req, res) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(req, res);
  if (req.method !== "POST") {
    pages.send(res, prompt.name === "login" ? pages.login(accounts) : pages.consent(params));
    return;
  }
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  const finish = (result, more) => provider.interactionFinished(req, res, result, more);
  if (form.get("refuse")) {
    await finish({ error: "access_denied", error_description: "the person said no" }, { mergeWithLastSubmission: false });
  } else if (prompt.name === "login") {
    const wanted = params.acr_values?.split(" ").find((acr) => levels.includes(acr)) ?? levels[0];
    const login = { accountId: accounts.get(form.get("account")).sub, acr: form.get("weak") ? levels[0] : wanted };
    await finish({ login }, { mergeWithLastSubmission: false });
  } else {
    const grant =
      (grantId && (await provider.Grant.find(grantId))) ||
      new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
    await finish({ consent: { grantId: await grant.save() } });
  }
}

// orders is what a test may have done, by name.
const orders = {
  groups: ({ account, groups }) => {
    accounts.get(account).groups = groups;
  },
  // revoke takes back what the person has granted, without a word to the clients: their next refresh fails.
  revoke: async ({ account }, provider, store) => {
    for (const [id, grant] of store.all("Grant")) {
      if (grant.accountId !== accounts.get(account).sub) continue;
      for (const model of ["AccessToken", "AuthorizationCode", "RefreshToken"]) {
        await provider[model].revokeByGrantId(id);
      }
      await provider.Grant.adapter.destroy(id);
    }
  },
  // end ends the person's sessions as an administrator would, and tells the clients.
  end: async ({ account }, provider, store) => {
    for (const [id, { accountId, authorizations }] of store.all("Session")) {
      if (accountId !== accounts.get(account).sub) continue;
      await provider.Session.adapter.destroy(id);
      for (const [clientId, { sid }] of Object.entries(authorizations ?? {})) {
        const c = await provider.Client.find(clientId);
        if (c.backchannelLogoutUri) await c.backchannelLogout(accountId, sid);
      }
    }
  },
  pass: ({ ms }) => {
    ahead += ms;
  },
  sessions: ({ account }, _, store) =>
    store.all("Session").filter(([, session]) => session.accountId === accounts.get(account).sub).length,
};

const server = createServer();
const store = memory();
let provider;

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  let answer;
  try {
    answer = provider ? await orders[order.do](order, provider, store) : await start(order.clients);
    answer = { answer };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
process.exit();

// start serves and returns the issuer.
async function start(clients) {
  await new Promise((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const issuer = `http://127.0.0.1:${port}`;
  provider = new Provider(issuer, configuration(clients, port, store));
  // A receiver of a logout token that fails is for the test to see.
  provider.on("backchannel.error", (_, error) => console.error("back-channel logout:", error.message));
  provider.on("server_error", (_, error) => console.error(error));
  const serve = provider.callback();
  server.on("request", (req, res) => {
    if (!req.url.startsWith("/interaction/")) {
      serve(req, res);
      return;
    }
    interact(provider, req, res).catch((error) => pages.send(res, pages.oops(error), 400));
  });
  return issuer;
}
