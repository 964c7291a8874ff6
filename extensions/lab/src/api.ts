import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { Change, IAsked, IOverview, isAsked, isOverview } from './wire';

/** The languages that Labwerk speaks. */
const LANGUAGES = ['en', 'de', 'it', 'fr'];

/** Why there is no overview: a code for the panel and a sentence for people. */
export class OverviewError extends Error {
  constructor(
    readonly code: string,
    message: string
  ) {
    super(message);
    this.name = 'OverviewError';
  }
}

/** The language that Lab is shown in, as far as Labwerk speaks it. */
export function pageLanguage(): string {
  const language = document.documentElement.lang.split(/[-_]/)[0];
  return LANGUAGES.includes(language) ? language : 'en';
}

/**
 * Ask this server for the person's overview, after a change to the session if
 * one is named.
 *
 * @throws OverviewError with the code that the server gave, or
 * `server-unreachable` (no answer) or `bad-answer` (not an overview).
 */
export async function requestOverview(
  settings: ServerConnection.ISettings,
  change: Change | null
): Promise<IOverview> {
  const answer =
    change === null
      ? await ask(settings, 'overview', { method: 'GET' })
      : typeof change === 'string'
        ? await ask(settings, `session/${change}`, { method: 'POST' })
        : await ask(settings, 'session/payer', {
            method: 'POST',
            body: JSON.stringify({ budget: change.payer })
          });
  if (!isOverview(answer)) {
    throw new OverviewError('bad-answer', typeof answer);
  }
  return answer;
}

/**
 * Ask whoever decides for more of a budget.
 *
 * @param words - what it is for; may be empty.
 * @throws OverviewError as {@link requestOverview} does.
 */
export async function requestMore(
  settings: ServerConnection.ISettings,
  budget: string,
  words: string
): Promise<IAsked> {
  const answer = await ask(settings, 'budget-requests', {
    method: 'POST',
    body: JSON.stringify({ budget, words })
  });
  if (!isAsked(answer)) {
    throw new OverviewError('bad-answer', typeof answer);
  }
  return answer;
}

async function ask(
  settings: ServerConnection.ISettings,
  path: string,
  init: RequestInit
): Promise<unknown> {
  const url = URLExt.join(settings.baseUrl, 'labwerk', 'api', path);
  const query = URLExt.objectToQueryString({ lang: pageLanguage() });
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(url + query, init, settings);
  } catch (reason) {
    throw new OverviewError('server-unreachable', String(reason));
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    const { code, message } = (answer ?? {}) as Record<string, unknown>;
    throw new OverviewError(
      typeof code === 'string' ? code : 'bad-answer',
      typeof message === 'string' ? message : response.statusText
    );
  }
  return answer;
}
