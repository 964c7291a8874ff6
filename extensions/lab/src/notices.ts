import { endsSoon, endsWithBudget, warningAt } from './budgets';
import type { IOverview, ISession, Warning } from './wire';

const MINUTE = 60_000;

/** Minutes before the end at which something is said; the last one is the last call. */
const BEFORE_END = [1, 5, 15];

interface INews {
  /** The same as long as it is the same news: said once, and taken back when it is over. */
  readonly key: string;
  /** Whether the session is gone within a minute. */
  readonly last: boolean;
}

/** That little of the budget is left, or nothing. */
export interface IBudgetNotice extends INews {
  readonly kind: 'budget';
  readonly level: Warning;
}

/** Something that a person should know, wherever in Lab they are. */
export type INotice =
  (INews & { readonly kind: 'ending' | 'idle' | 'problem' }) | IBudgetNotice;

/**
 * What is to be said about a session at a moment.
 *
 * @param now - the service's time in milliseconds.
 */
export function noticesDue(overview: IOverview, now: number): INotice[] {
  const session = overview.session;
  if (session === null) {
    return [];
  }
  const funds = budget(overview, session, now);
  // The end that a budget brings is told as such.
  const isTold =
    funds !== null &&
    endsSoon(funds.level) &&
    endsWithBudget(overview, session);
  return [
    isTold ? null : ending(session, now),
    funds,
    idle(session, now),
    problem(session)
  ].filter((notice): notice is INotice => notice !== null);
}

function budget(
  overview: IOverview,
  session: ISession,
  now: number
): IBudgetNotice | null {
  const level = warningAt(overview, now);
  if (level === null) {
    return null;
  }
  const { id, period, granted_ticks, grace_ends_at } = overview.budget;
  // More that is granted is news, and what becomes of it as well; so is another end.
  const end = endsSoon(level) ? session.ends_at : '';
  return {
    key: `budget ${session.id} ${id} ${period} ${granted_ticks} ${level} ${end}`,
    kind: 'budget',
    level,
    last: grace_ends_at !== null && Date.parse(grace_ends_at) - now <= MINUTE
  };
}

function ending(session: ISession, now: number): INotice | null {
  const left = Date.parse(session.ends_at) - now;
  const minutes = BEFORE_END.find(limit => left <= limit * MINUTE);
  return minutes === undefined
    ? null
    : {
        key: `ending ${session.ends_at} ${minutes}`,
        kind: 'ending',
        last: minutes === BEFORE_END[0]
      };
}

function idle(session: ISession, now: number): INotice | null {
  const rule = session.idle;
  if (!rule?.warning || rule.stops_at === null) {
    return null;
  }
  const stops = Date.parse(rule.stops_at);
  if (stops >= Date.parse(session.ends_at)) {
    // The end comes first, and is told as such.
    return null;
  }
  const last = stops - now <= MINUTE;
  return {
    key: `idle ${rule.since} ${last ? 'last' : 'first'}`,
    kind: 'idle',
    last
  };
}

function problem(session: ISession): INotice | null {
  return session.problem === null
    ? null
    : { key: `problem ${session.problem}`, kind: 'problem', last: false };
}
