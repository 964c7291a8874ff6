import type { IOverview, ISession } from './wire';

const MINUTE = 60_000;

/** Minutes before the end at which something is said; the last one is the last call. */
const BEFORE_END = [1, 5, 15];

/** Something that a person should know, wherever in Lab they are. */
export interface INotice {
  /** The same as long as it is the same news: said once, and taken back when it is over. */
  readonly key: string;
  readonly kind: 'ending' | 'idle' | 'problem';
  /** Whether the session is gone within a minute. */
  readonly last: boolean;
}

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
  return [ending(session, now), idle(session, now), problem(session)].filter(
    (notice): notice is INotice => notice !== null
  );
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
