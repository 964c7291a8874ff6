import type { TranslationBundle } from '@jupyterlab/translation';
import { OverviewError } from './api';
import type { IAsked } from './wire';

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

/** What became of a request for more budget. */
export function askedText(asked: IAsked, trans: TranslationBundle): string {
  const names = asked.deciders.join(', ');
  if (names === '') {
    return asked.repeated
      ? trans.__('You have asked already; your request is open.')
      : trans.__('Your request for more is made.');
  }
  return asked.repeated
    ? trans.__('You have asked already. These decide: %1.', names)
    : trans.__('Your request for more is made. These decide: %1.', names);
}
