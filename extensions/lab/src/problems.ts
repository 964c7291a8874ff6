import type { TranslationBundle } from '@jupyterlab/translation';
import { OverviewError } from './api';

/**
 * Why something did not work, as a sentence.
 *
 * The codes that arise on the way here get our words, others the service's.
 */
export function problemText(
  problem: unknown,
  trans: TranslationBundle
): string {
  const { code, message } =
    problem instanceof OverviewError
      ? problem
      : new OverviewError('bad-answer', String(problem));
  switch (code) {
    case 'server-unreachable':
      return trans.__(
        'Your notebook server does not answer. It may have been stopped, or the network is interrupted.'
      );
    case 'bad-answer':
      return trans.__(
        'The workbench answered in a way this panel does not understand. Please tell the operators.'
      );
    default:
      return message;
  }
}
