// oidc-provider, set up for the demo: one client, the people of the settings file, no
// password and no question about consent.

import Provider from 'oidc-provider';

import { languageOf, pages } from './pages.mjs';
import { interactions } from './interactions.mjs';

const HOUR = 3600;
const STANDARD = {
  openid: ['sub'],
  profile: ['name', 'locale'],
  email: ['email', 'email_verified'],
};

/** The provider (a Koa application) for one configuration and its secrets. */
export function makeProvider(config, { clientSecret, cookieKeys, jwks }) {
  const people = new Map(config.people.map((person) => [person.login, person]));
  const claims = { ...STANDARD, labwerk: claimsBeyond(STANDARD, config.people) };
  const page = pages(config);
  const provider = new Provider(config.issuer, {
    clients: [client(config.client, clientSecret)],
    claims,
    scopes: ['openid'],
    responseTypes: ['code'],
    jwks,
    cookies: cookies(cookieKeys),
    routes: routes(),
    ttl: {
      // A working day; then Labwerk asks to sign in again.
      AccessToken: 8 * HOUR,
      AuthorizationCode: 60,
      Grant: 24 * HOUR,
      IdToken: HOUR,
      Interaction: HOUR,
      Session: 24 * HOUR,
    },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => {
          ctx.body = page.signOut(languageOf(ctx, config, ctx.oidc.params.ui_locales), form);
        },
        postLogoutSuccessSource: (ctx) => {
          ctx.body = page.home(languageOf(ctx, config));
        },
      },
    },
    interactions: { url: (ctx, interaction) => `/oidc/interaction/${interaction.uid}` },
    findAccount: (ctx, id) => people.has(id) && {
      accountId: id,
      claims: () => ({ sub: id, ...people.get(id).claims }),
    },
    loadExistingGrant: (ctx) => grant(provider, ctx, Object.keys(claims)),
    renderError: (ctx, out) => {
      ctx.type = 'html';
      ctx.body = page.problem(languageOf(ctx, config), out.error_description ?? out.error);
    },
  });
  provider.use(ownAddress(config.issuer));
  provider.use(securityHeaders(config));
  provider.use(interactions(provider, page, people, config));
  return provider;
}

function client(settings, secret) {
  return {
    client_id: settings.id,
    client_secret: secret,
    client_name: 'Labwerk',
    grant_types: ['authorization_code'],
    response_types: ['code'],
    redirect_uris: settings.redirect_uris,
    post_logout_redirect_uris: settings.post_logout_redirect_uris,
    token_endpoint_auth_method: 'client_secret_post',
  };
}

// Cookies know no ports, so the provider and Labwerk see each other's on 127.0.0.1: names
// and a path of their own keep them apart.
function cookies(keys) {
  const options = { httpOnly: true, sameSite: 'lax', signed: true };
  return {
    keys,
    long: { ...options, path: '/oidc' },
    short: options,
    names: {
      session: 'labwerk-demo-session',
      interaction: 'labwerk-demo-interaction',
      resume: 'labwerk-demo-resume',
    },
  };
}

function routes() {
  return {
    authorization: '/oidc/auth',
    end_session: '/oidc/session/end',
    jwks: '/oidc/jwks',
    token: '/oidc/token',
    userinfo: '/oidc/userinfo',
  };
}

/** The claims of people that no standard scope carries: the scope `labwerk` does. */
function claimsBeyond(standard, people) {
  const known = new Set(Object.values(standard).flat());
  const all = people.flatMap((person) => Object.keys(person.claims));
  return [...new Set(all)].filter((claim) => !known.has(claim));
}

// In a demo nobody is asked for consent: what is requested is granted.
async function grant(provider, ctx, scopes) {
  const { client: { clientId }, session } = ctx.oidc;
  const known = session.grantIdFor(clientId);
  const existing = known && (await provider.Grant.find(known));
  if (existing) return existing;
  const made = new provider.Grant({ clientId, accountId: session.accountId });
  made.addOIDCScope(scopes.join(' '));
  await made.save();
  return made;
}

// http://localhost is another host for cookies than http://127.0.0.1: one address only.
function ownAddress(issuer) {
  const { host } = new URL(issuer);
  return async (ctx, next) => {
    if (ctx.host !== host && ['GET', 'HEAD'].includes(ctx.method)) {
      ctx.redirect(issuer + ctx.url);
      return;
    }
    await next();
  };
}

function securityHeaders(config) {
  // A form's redirects count as its targets, so the client's address is among them.
  const back = new Set(config.client.redirect_uris.map((uri) => new URL(uri).origin));
  const policy = [
    "default-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "script-src 'self'",
    "style-src 'self'",
    `form-action 'self' ${[...back].join(' ')}`,
  ].join(';');
  return async (ctx, next) => {
    ctx.set('Content-Security-Policy', policy);
    ctx.set('Referrer-Policy', 'same-origin');
    ctx.set('X-Content-Type-Options', 'nosniff');
    await next();
  };
}
