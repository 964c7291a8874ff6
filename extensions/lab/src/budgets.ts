import type { TranslationBundle } from '@jupyterlab/translation';
import type { Formatter } from './format';
import type { IBudget, IOverview, IPayer, ISession, Warning } from './wire';

const MINUTE = 60_000;

/** Milliseconds that what is left still pays for when the last warning comes. */
const LAST_WARNING = 5 * MINUTE;

/** The name of a time in which a budget has no period. */
const OUTSIDE = 'outside';

/**
 * When what is held and left has been used, in milliseconds of the service's
 * time; null if nothing runs that costs.
 */
export function paidUntil(overview: IOverview): number | null {
  const { lasts_seconds: lasts } = overview.budget;
  return lasts === null ? null : Date.parse(overview.served_at) + lasts * 1000;
}

/**
 * How near its end the budget of a running session is.
 *
 * The service says so, as of when it was asked; minutes do not wait for the
 * next answer.
 */
export function warningAt(overview: IOverview, now: number): Warning | null {
  const { warning } = overview.budget;
  const until = paidUntil(overview);
  return warning !== 'used-up' && until !== null && until - now <= LAST_WARNING
    ? 'minutes'
    : warning;
}

/** When a session ends: the time it is given after its budget is used up included. */
export function endOf(session: ISession, budget: IBudget): string {
  return budget.grace_ends_at ?? session.ends_at;
}

/**
 * Whether it is the budget that ends the session: its end then moves on for a
 * while, and is told as that of the budget.
 */
export function endsWithBudget(
  overview: IOverview,
  session: ISession
): boolean {
  const end = Date.parse(session.ends_at);
  const until = paidUntil(overview);
  return (
    overview.budget.warning === 'used-up' ||
    (until !== null &&
      until <= end + MINUTE &&
      end < Date.parse(session.longest_ends_at))
  );
}

/** The budgets that the session can change to. */
export function otherPayers(overview: IOverview): IPayer[] {
  // Whoever runs without budget can go back to the one that has some again.
  return overview.payers.filter(
    payer => !payer.chosen || (overview.budget.over_use && payer.left_ticks > 0)
  );
}

/** Whose a budget is. */
export function ownerText(
  budget: Pick<IBudget, 'kind' | 'institution'>,
  trans: TranslationBundle
): string {
  const { title } = budget.institution;
  switch (budget.kind) {
    case 'institution':
      return trans.__('Budget of the institution');
    case 'project':
      return trans.__('Project, paid by %1', title);
    case 'course':
      return trans.__('Course, paid by %1', title);
  }
}

/** The period of a budget, and how long it goes. */
export function periodText(
  budget: Pick<IBudget, 'period' | 'period_ends_at'>,
  format: Formatter,
  trans: TranslationBundle
): string {
  if (budget.period.includes('..')) {
    return format.period(budget.period); // it says itself until when it goes
  }
  return budget.period === OUTSIDE
    ? trans.__('no budget at this time')
    : trans.__(
        '%1, until %2',
        format.period(budget.period),
        format.lastDay(budget.period_ends_at)
      );
}
