// The provider's pages, in the reader's language. They work without JavaScript.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

class Html {
  constructor(text) {
    this.text = text;
  }
}

/** A template whose values are escaped unless they are Html themselves. */
function html(parts, ...values) {
  const shown = values.map((value) => {
    if (Array.isArray(value)) return value.map((one) => one.text).join('');
    if (value instanceof Html) return value.text;
    return String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);
  });
  return new Html(String.raw({ raw: parts }, ...shown));
}

/** The language to answer in: what the client asks for, else what the browser prefers. */
export function languageOf(ctx, config, asked = '') {
  const wanted = asked.split(' ').map((tag) => tag.split('-')[0].toLowerCase());
  return wanted.find((language) => config.languages.includes(language))
    ?? (ctx.acceptsLanguages(...config.languages) || config.languages[0]);
}

/** The pages for one configuration; each takes a language and gives HTML text. */
export function pages(config) {
  const { texts } = config;

  function layout(language, heading, body) {
    const text = texts[language];
    return html`<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${heading} · ${text.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/oidc/static/style.css">
</head>
<body>
<header class="banner"><p><strong>${text.title}.</strong> ${text.notice}</p></header>
<main>
<h1>${heading}</h1>
${body}
</main>
</body>
</html>
`.text;
  }

  function card(person, language) {
    const text = texts[language];
    const institution = person.institution?.[language] ?? text.no_institution;
    const id = `person-${person.login}`;
    return html`<li class="card">
<h2 id="${id}">${person.claims.name ?? person.login}</h2>
<p class="institution">${institution}</p>
${roles(person, language)}
<p class="advice" id="${id}-advice">${person.advice[language]}</p>
<button name="login" value="${person.login}" aria-describedby="${id}-advice">${person.button[language]}</button>
</li>
`;
  }

  function roles(person, language) {
    if (person.roles.length === 0) return '';
    const items = person.roles.map((role) => html`<li>${role[language]}</li>`);
    return html`<ul class="roles" aria-label="${texts[language].roles}">${items}</ul>`;
  }

  function back(language) {
    return html`<p><a class="button" href="${config.home}">${texts[language].back}</a></p>`;
  }

  return {
    people: (language) => layout(language, texts[language].choose, html`<form method="post">
<ul class="cards">
${config.people.map((person) => card(person, language))}</ul>
</form>`),

    home: (language) => layout(language, texts[language].welcome, html`
<p>${texts[language].start_there}</p>
${back(language)}`),

    expired: (language) => layout(language, texts[language].expired, html`
<p>${texts[language].start_again}</p>
${back(language)}`),

    // `form` is oidc-provider's own (with its protection against forged requests). The
    // script sends it; without JavaScript the button does.
    signOut: (language, form) => {
      const button = html`<button name="logout" value="yes" autofocus>${texts[language].sign_out}</button>`;
      return layout(language, texts[language].signing_out, html`
${new Html(form.replace('</form>', `${button.text}</form>`))}
<script src="/oidc/static/sign-out.js"></script>`);
    },

    problem: (language, description) => layout(language, texts[language].problem, html`
<p>${texts[language].start_again}</p>
<p class="detail" lang="en">${description}</p>
${back(language)}`),
  };
}
