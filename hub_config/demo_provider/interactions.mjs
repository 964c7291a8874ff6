// What people see and do at the provider: the page of people, and the choice.

import { readFileSync } from 'node:fs';

import { languageOf } from './pages.mjs';

const INTERACTION = /^\/oidc\/interaction\/[\w-]+$/;
const LARGEST_FORM = 4096; // bytes

const STATIC = new Map(
  [['style.css', 'text/css'], ['sign-out.js', 'text/javascript']].map(([name, type]) => [
    `/oidc/static/${name}`,
    { type, body: readFileSync(new URL(`./static/${name}`, import.meta.url), 'utf8') },
  ]),
);

/** The middleware that answers what oidc-provider leaves to its deployment. */
export function interactions(provider, page, people, config) {
  return async (ctx, next) => {
    if (INTERACTION.test(ctx.path)) {
      await interaction(ctx);
    } else if (STATIC.has(ctx.path)) {
      const file = STATIC.get(ctx.path);
      ctx.type = file.type;
      ctx.set('Cache-Control', 'max-age=3600');
      ctx.body = file.body;
    } else if (ctx.path === '/') {
      ctx.type = 'html';
      ctx.body = page.home(languageOf(ctx, config));
    } else {
      await next();
    }
  };

  async function interaction(ctx) {
    ctx.type = 'html';
    ctx.set('Cache-Control', 'no-store');
    let details;
    try {
      details = await provider.interactionDetails(ctx.req, ctx.res);
    } catch (error) {
      if (error.name !== 'SessionNotFound') throw error;
      ctx.status = 400;
      ctx.body = page.expired(languageOf(ctx, config));
      return;
    }
    const login = ctx.method === 'POST' ? (await form(ctx)).get('login') : undefined;
    if (!people.has(login)) {
      ctx.body = page.people(languageOf(ctx, config, details.params.ui_locales));
      return;
    }
    const target = await provider.interactionResult(
      ctx.req,
      ctx.res,
      { login: { accountId: login, remember: false } },
      { mergeWithLastSubmission: false },
    );
    ctx.status = 303;
    ctx.redirect(target);
  }
}

async function form(ctx) {
  const parts = [];
  let size = 0;
  for await (const part of ctx.req) {
    size += part.length;
    if (size > LARGEST_FORM) ctx.throw(413);
    parts.push(part);
  }
  return new URLSearchParams(Buffer.concat(parts).toString('utf8'));
}
