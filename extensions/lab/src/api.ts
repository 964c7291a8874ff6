import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';
import { Change, IOverview, isOverview } from './wire';

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
  const path = change === null ? ['overview'] : ['session', change];
  const url = URLExt.join(settings.baseUrl, 'labwerk', 'api', ...path);
  const query = URLExt.objectToQueryString({ lang: pageLanguage() });
  const method = change === null ? 'GET' : 'POST';
  let response: Response;
  try {
    response = await ServerConnection.makeRequest(
      url + query,
      { method },
      settings
    );
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
  if (!isOverview(answer)) {
    throw new OverviewError('bad-answer', response.statusText);
  }
  return answer;
}
