import { noticesDue } from '../notices';
import type { ISession } from '../wire';
import { anOverview, aSession } from './example';

/** The notices due at a time of the evening at whose 23:00 the session ends. */
function dueAt(time: string, differences: Partial<ISession> = {}) {
  const session = aSession(differences);
  const now = Date.parse(`2026-11-21T${time}Z`);
  return noticesDue(anOverview({ session }), now);
}

/** An idle rule that stops the session at a time of that evening. */
function idleUntil(time: string, warning = true): Partial<ISession> {
  const since = '2026-11-21T21:00:00Z';
  return { idle: { since, stops_at: `2026-11-21T${time}Z`, warning } };
}

describe('the end of the session', () => {
  it('is told fifteen and five minutes before, and in the last minute', () => {
    expect(dueAt('22:44:59')).toEqual([]);
    const [fifteen] = dueAt('22:45:00');
    expect(fifteen).toMatchObject({ kind: 'ending', last: false });
    const [five] = dueAt('22:55:00');
    expect(five).toMatchObject({ kind: 'ending', last: false });
    const [last] = dueAt('22:59:00');
    expect(last).toMatchObject({ kind: 'ending', last: true });
    expect(new Set([fifteen.key, five.key, last.key]).size).toBe(3);
  });

  it('is the same news in between, and one at a time', () => {
    expect(dueAt('22:54:59')).toEqual(dueAt('22:45:00'));
    expect(dueAt('22:56:00')).toHaveLength(1);
    expect(dueAt('23:00:30')).toEqual(dueAt('22:59:30'));
  });

  it('is taken back by an extension, and is news again at the new end', () => {
    const extended = { ends_at: '2026-11-21T23:50:00Z' };
    expect(dueAt('22:56:00', extended)).toEqual([]);
    expect(dueAt('23:46:00', extended)[0].key).not.toBe(
      dueAt('22:56:00')[0].key
    );
  });
});

describe('idleness', () => {
  it('is told when the service warns, and again in the last minute', () => {
    expect(dueAt('21:30:00', idleUntil('22:00:00', false))).toEqual([]);
    const [first] = dueAt('21:50:00', idleUntil('22:00:00'));
    expect(first).toMatchObject({ kind: 'idle', last: false });
    const [last] = dueAt('21:59:00', idleUntil('22:00:00'));
    expect(last).toMatchObject({ kind: 'idle', last: true });
    expect(last.key).not.toBe(first.key);
  });

  it('is the same news when its stop moves, and other news after work', () => {
    const [first] = dueAt('21:50:00', idleUntil('22:00:00'));
    expect(dueAt('21:50:00', idleUntil('22:01:00'))[0].key).toBe(first.key);
    const idle = {
      ...aSession(idleUntil('22:30:00')).idle,
      since: '2026-11-21T21:30:00Z'
    };
    const again = dueAt('22:20:00', {
      idle: { ...idle, stops_at: '2026-11-21T22:30:00Z', warning: true }
    });
    expect(again[0].key).not.toBe(first.key);
  });

  it('is not told where there is no rule, or where the end comes first', () => {
    expect(dueAt('21:50:00', { idle: null })).toEqual([]);
    expect(dueAt('22:40:00', idleUntil('23:10:00'))).toEqual([]);
    expect(dueAt('22:50:00', idleUntil('23:10:00'))).toMatchObject([
      { kind: 'ending' }
    ]);
    expect(dueAt('22:50:00', idleUntil('22:55:00'))).toHaveLength(2);
  });
});

describe('a problem of the GPU', () => {
  it('is told as long as it lasts', () => {
    const problem = 'The GPU has fallen off the bus.';
    expect(dueAt('21:00:00', { problem })).toMatchObject([{ kind: 'problem' }]);
    expect(dueAt('21:01:00', { problem })).toEqual(
      dueAt('21:00:00', { problem })
    );
  });
});

describe('without a session', () => {
  it('there is nothing to tell', () => {
    expect(
      noticesDue(anOverview(), Date.parse('2026-11-21T22:59:30Z'))
    ).toEqual([]);
  });
});
