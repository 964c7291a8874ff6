import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot, Root } from 'react-dom/client';
import { OverviewError } from '../api';
import { Formatter } from '../format';
import { SessionSection } from '../panels/session';
import type { Change, IOverview, ISession } from '../wire';
import { aBudget, anOverview, aSession, aSlice } from './example';

const { act } = React;
const trans = nullTranslator.load('labwerk_lab');
const format = new Formatter('en-GB');
const now = Date.parse('2026-11-21T22:00:00Z');

let root: Root;
let node: HTMLElement;
let change: jest.Mock<Promise<IOverview>, [Change]>;

beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  node = document.body.appendChild(document.createElement('div'));
  root = createRoot(node);
  change = jest.fn();
});

afterEach(() => {
  act(() => root.unmount());
  node.remove();
});

/** Show the section for an overview; the text that a reader sees. */
function show(overview: IOverview): string {
  const props = { overview, change, now, format, trans, stop: jest.fn() };
  act(() => root.render(React.createElement(SessionSection, props)));
  return (node.textContent ?? '').replace(/\s+/g, ' ');
}

/** Show the section for a session with the given differences. */
function showing(differences: Parameters<typeof aSession>[0]): string {
  return show(anOverview({ session: aSession(differences) }));
}

/** A change is answered by a session, which is shown as Lab shows it: at once. */
function answers(session: ISession): void {
  change.mockImplementation(async () => {
    const overview = anOverview({ session });
    show(overview);
    return overview;
  });
}

function button(name: RegExp): HTMLButtonElement {
  const buttons = [...node.querySelectorAll('button')];
  const found = buttons.find(one => name.test(one.textContent ?? ''));
  if (!found) {
    throw new Error(`no button ${name} among ${buttons.length}`);
  }
  return found;
}

async function click(name: RegExp): Promise<void> {
  button(name).focus();
  await act(async () => button(name).click());
}

const said = () =>
  [...node.querySelectorAll('[role=status]')]
    .map(one => one.textContent)
    .join();

describe('the slice', () => {
  it('shows what is measured', () => {
    const text = showing({});
    expect(text).toContain('2.44 of 9.75 GiB');
    expect(text).toContain('GPU processes2');
    expect(text).toContain('45%');
  });

  it('shows what cannot be measured as that, and never as 0', () => {
    const use = { memory_used_mib: null, processes: null, utilisation: null };
    const text = showing({ slice: aSlice({ use }) });
    expect(text.match(/not measurable/g)).toHaveLength(3);
    expect(text).not.toContain('0%');
    expect(node.querySelector('[role=meter]')).toBeNull();
    const none = { memory_used_mib: 0, processes: 0, utilisation: 0 };
    expect(showing({ slice: aSlice({ use: none }) })).toContain('0%');
  });

  it('says that it is simulated where figures would stand', () => {
    const text = showing({ slice: aSlice({ simulated: true, use: null }) });
    expect(text).toContain('simulated: there is nothing to measure');
    expect(text).not.toContain('GPU processes');
  });

  it('says with how many it is shared', () => {
    expect(showing({})).not.toContain('Shared');
    const text = showing({ slice: aSlice({ shared_by: 4 }) });
    expect(text).toContain('Shared with up to 3 other sessions');
    expect(text).toContain('memory is not kept apart');
  });
});

describe('somebody else’s session', () => {
  it('is shown with whose it is, and is not for a visitor to change', () => {
    const since = '2026-11-21T21:00:00Z';
    const idle = { since, stops_at: '2026-11-21T22:10:00Z', warning: true };
    const session = aSession({ idle });
    const text = show(anOverview({ session, visited: true }));
    expect(text).toContain('This is the server of Anna Müller.');
    expect(text).toContain('Small GPU slice');
    expect(node.querySelector('button')).toBeNull();
    expect(show(anOverview({ session }))).not.toContain('the server of');
  });
});

describe('the last minute', () => {
  it('is not counted as 0 minutes', () => {
    const text = showing({ ends_at: '2026-11-21T22:00:40Z' });
    expect(text).toContain('in less than a minute');
    expect(text).not.toContain('0 minutes');
  });
});

describe('the time after the budget is used up', () => {
  it('offers no extension, since nothing pays for it', () => {
    const refusal = 'Your budget does not pay for more.';
    const session = aSession({ extension: { until: null, refusal } });
    const budget = aBudget({
      warning: 'used-up',
      grace_ends_at: '2026-11-21T22:04:00Z'
    });
    expect(show(anOverview({ session, budget }))).not.toContain(refusal);
    expect(() => button(/^Extend/)).toThrow();
    expect(show(anOverview({ session }))).toContain(refusal);
  });
});

describe('the end', () => {
  const until = (iso: string) => format.instant(iso, now);

  it('can be moved at one click, which is said and keeps the focus', async () => {
    const refusal = 'It cannot be longer.';
    const session = aSession({
      ends_at: '2026-11-22T03:00:00Z',
      extension: { until: null, refusal }
    });
    answers(session);
    expect(showing({})).toContain('At the latest');
    await click(/^Extend until/);
    expect(change.mock.calls).toEqual([['extend']]);
    expect(said()).toContain(until('2026-11-22T03:00:00Z'));
    expect(document.activeElement).toBe(button(/^Extend/));
  });

  it('is not said any longer once it has moved by other means', async () => {
    const ends_at = '2026-11-22T02:00:00Z';
    answers(aSession({ ends_at }));
    showing({});
    await click(/^Extend until/);
    expect(said()).toContain('Your session now ends at');
    showing({ ends_at });
    expect(said()).toContain('Your session now ends at');
    showing({ ends_at: '2026-11-22T02:30:00Z' });
    expect(said()).not.toContain('now ends at');
    showing({ ends_at });
    expect(said()).not.toContain('now ends at');
  });

  it('that cannot be moved has a button that says why and does nothing', async () => {
    const refusal = 'Two people wait for such a slice.';
    const text = showing({
      extension: { until: null, refusal },
      waiting_behind: 2
    });
    expect(text).toContain(refusal);
    expect(text).toContain('2 people wait');
    const extend = button(/^Extend$/);
    expect(extend.getAttribute('aria-disabled')).toBe('true');
    const reason = extend.getAttribute('aria-describedby') ?? '';
    expect(document.getElementById(reason)?.textContent).toBe(refusal);
    await click(/^Extend$/);
    expect(change).not.toHaveBeenCalled();
  });

  it('says why it is not moved after all', async () => {
    change.mockRejectedValue(new OverviewError('no', 'Somebody waits now.'));
    showing({});
    await click(/^Extend/);
    expect(said()).toContain('Somebody waits now.');
  });
});

describe('idleness', () => {
  const since = '2026-11-21T21:00:00Z';
  const stops_at = '2026-11-21T22:05:00Z';

  it('is shown with its consequence, to screen readers too', () => {
    showing({ idle: { since, stops_at, warning: false } });
    expect(said()).toContain(format.instant(since, now));
    expect(said()).toContain(format.instant(stops_at, now));
    expect(() => button(/^Still working/)).toThrow();
    showing({});
    expect(said()).toBe(',');
  });

  it('is ended at one click, and the focus is not lost', async () => {
    answers(aSession());
    showing({ idle: { since, stops_at, warning: true } });
    await click(/^Still working/);
    expect(change.mock.calls).toEqual([['still-working']]);
    expect(document.activeElement).toBe(button(/^Extend/));
    expect(said()).toContain('your session goes on');
    showing({ idle: { since, stops_at, warning: true } });
    expect(said()).not.toContain('your session goes on');
  });
});

describe('a problem', () => {
  it('of the GPU is an alert', () => {
    showing({ problem: 'The GPU has fallen off the bus.' });
    const alert = node.querySelector('[role=alert]');
    expect(alert?.textContent).toBe('The GPU has fallen off the bus.');
  });

  it('that ended the last session is told', () => {
    const sentence = 'It was stopped at 14:05 because nothing ran.';
    const last_end = { ended_at: '2026-11-21T21:00:00Z', sentence };
    expect(show(anOverview({ last_end }))).toContain(sentence);
  });
});
