import type { TranslationBundle } from '@jupyterlab/translation';
import type { Formatter } from './format';
import type { IBudget, IOverview, IPayer, ISession, Warning } from './wire';

const MINUTE = 60_000;

/** Milliseconds that what is left still pays for when the last warning comes. */
const LAST_WARNING = 5 * MINUTE;

/** Milliseconds that a budget must pay for at least, as for the shortest session. */
const SHORTEST = 15 * MINUTE;

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

/** Whether a warning is of the end itself, which may move and come again. */
export function endsSoon(level: Warning): boolean {
  return level === 'minutes' || level === 'used-up';
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

/** Whether the budget of a session that runs without one can pay for it again. */
export function canPayAgain(overview: IOverview): boolean {
  return (
    overview.budget.over_use &&
    overview.payers.some(
      payer => payer.chosen && !paysTooLittle(payer, overview)
    )
  );
}

/** Whether the service would refuse a budget because it has too little for the session. */
export function paysTooLittle(payer: IPayer, overview: IOverview): boolean {
  const needed = neededSeconds(overview);
  const goesOn =
    Date.parse(overview.served_at) + needed * 1000 <=
    Date.parse(payer.period_ends_at);
  // What the next period has is not known here: the service decides.
  return goesOn && payer.left_ticks < needed * overview.budget.ticks_per_second;
}

/** The seconds that a budget must pay for, to be one that the session can change to. */
export function neededSeconds(overview: IOverview): number {
  const { session, served_at: served } = overview;
  const longest = session
    ? Date.parse(session.longest_ends_at) - Date.parse(served)
    : SHORTEST;
  return Math.max(0, Math.min(SHORTEST, longest)) / 1000;
}

/** What is left of a budget, and what the session may still use if that is all. */
export function leftText(
  { budget, session }: Pick<IOverview, 'budget' | 'session'>,
  format: Formatter,
  trans: TranslationBundle
): string {
  const { left_ticks: left, held_ticks: held, granted_ticks: granted } = budget;
  return left <= 0 && held > 0 && session !== null
    ? trans._n(
        '%2 of %3 GPU-hour left, %4 kept for this session',
        '%2 of %3 GPU-hours left, %4 kept for this session',
        format.shownGpuHours(granted, budget),
        format.gpuHours(left, budget),
        format.gpuHours(granted, budget),
        format.gpuHours(held, budget)
      )
    : leftOf(budget, budget, format, trans);
}

/** What a budget that may pay has left of what is granted. */
export function leftOf(
  {
    left_ticks: left,
    granted_ticks: granted
  }: Pick<IPayer, 'left_ticks' | 'granted_ticks'>,
  unit: Pick<IBudget, 'ticks_per_gpu_hour'>,
  format: Formatter,
  trans: TranslationBundle
): string {
  return trans._n(
    '%2 of %3 GPU-hour left',
    '%2 of %3 GPU-hours left',
    format.shownGpuHours(granted, unit),
    format.gpuHours(left, unit),
    format.gpuHours(granted, unit)
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
