import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot, Root } from 'react-dom/client';
import { OverviewError } from '../api';
import { Formatter } from '../format';
import { BudgetSection } from '../panels/budget';
import { StorageSection } from '../panels/storage';
import type { IAsked, IBudget, IOverview, IPayer, IStorage } from '../wire';
import { aBudget, anOverview, aPayer, aProject, aSession } from './example';

const { act } = React;
const trans = nullTranslator.load('labwerk_lab');
const format = new Formatter('en-GB');
const now = Date.parse('2026-11-21T22:00:00Z');

let root: Root;
let node: HTMLElement;
let ask: jest.Mock<Promise<IAsked>, [string, string]>;
let payWithOther: jest.Mock;
let payWith: jest.Mock<void, [string]>;

beforeEach(() => {
  Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });
  node = document.body.appendChild(document.createElement('div'));
  root = createRoot(node);
  ask = jest.fn();
  payWithOther = jest.fn();
  payWith = jest.fn();
});

afterEach(() => {
  act(() => root.unmount());
  node.remove();
});

/** What a reader sees of an element. */
function rendered(element: React.ReactElement): string {
  act(() => root.render(element));
  return (node.textContent ?? '').replace(/[\s\u00a0\u202f]+/g, ' ');
}

function show(overview: IOverview, usePage: string | null = null): string {
  const changes = { ask, payWithOther, payWith };
  const props = { overview, ...changes, usePage, now, format, trans };
  return rendered(React.createElement(BudgetSection, props));
}

/** Show the section of a running session. */
function showing(budget: Partial<IBudget>, payers: IPayer[] = []): string {
  return show(
    anOverview({ session: aSession(), budget: aBudget(budget), payers })
  );
}

function button(name: RegExp): HTMLButtonElement {
  const found = [...node.querySelectorAll('button')].find(one =>
    name.test(one.textContent ?? '')
  );
  if (!found) {
    throw new Error(`no button ${name}`);
  }
  return found;
}

const said = () =>
  [...node.querySelectorAll('[role=status]')]
    .map(one => one.textContent)
    .join(' ');

describe('the budget', () => {
  it('shows which one pays, whose it is, until when, and where it went', () => {
    const text = showing({
      id: 'project/rotor',
      kind: 'project',
      title: 'Rotor blades'
    });
    expect(text).toContain('Rotor blades');
    expect(text).toContain('Project, paid by Rhine Technical University');
    expect(text).toContain('November 2026, until 30 Nov 2026');
    expect(text).toContain('58.5 of 60 GPU-hours left');
    expect(text).toContain('1 used');
    expect(text).toContain('0.5 kept for running sessions');
    expect(text).toContain('This session costs 0.13 GPU-hours an hour.');
    expect(text).toContain('until the period ends');
    expect(showing({ lasts_seconds: 7200 })).toContain('another 2 hours');
  });

  it('never shows the number that only decides between singular and plural', () => {
    const text = showing({ used_ticks: 10, held_ticks: 21590 });
    expect(text).toContain('< 0.01 used');
    expect(text).toContain('0.25 kept for running sessions');
    expect(text).not.toMatch(/\d\.\d{4}/);
  });

  it('has one GPU-hour in the singular, as it is shown', () => {
    const text = showing({
      granted_ticks: 86_410,
      left_ticks: 43_200,
      budget_left_ticks: 86_390,
      ticks_per_second: 24,
      used_ticks: 0,
      held_ticks: 0
    });
    expect(text).toContain('0.5 of 1 GPU-hour left');
    expect(text).toContain('This session costs 1 GPU-hour an hour.');
    expect(
      showing({ granted_ticks: 86_400, left_ticks: 0, held_ticks: 43_200 })
    ).toContain('0 of 1 GPU-hour left, 0.5 kept for this session');
  });

  it('has a term’s name where it goes by terms, and says when it has no period', () => {
    expect(showing({ period: 'Winter 2026/27' })).toContain(
      'Winter 2026/27, until'
    );
    const text = showing({ period: 'outside', granted_ticks: 0 });
    expect(text).toContain('no budget at this time');
    expect(text).toContain('No GPU-hours are granted');
  });

  it('says when all together have less left than the person’s share', () => {
    expect(showing({})).not.toContain('together');
    const few = { budget_left_ticks: 86400, left_ticks: 86400 };
    expect(showing(few)).toContain('have 1 GPU-hour left together');
  });

  it('is not said to be gone while it is kept for the session', () => {
    const text = showing({
      granted_ticks: 58752,
      used_ticks: 48384,
      held_ticks: 10368,
      left_ticks: 0
    });
    expect(text).toContain(
      '0 of 0.68 GPU-hours left, 0.12 kept for this session'
    );
    expect(
      node.querySelector('[role=meter]')?.getAttribute('aria-valuetext')
    ).toContain('0.12 kept');
  });

  it('marks a session that runs without one', () => {
    const text = showing({
      over_use: true,
      lasts_seconds: null,
      used_ticks: 6000000,
      left_ticks: 0
    });
    expect(text).toContain('without budget');
    expect(said()).toContain('It ends when somebody waits');
    expect(text).not.toContain('budget lasts');
    const widths = [
      ...node.querySelectorAll<HTMLElement>('.lw-Bar > span')
    ].map(one => parseFloat(one.style.width));
    expect(widths[0] + widths[1]).toBeLessThanOrEqual(100);
  });

  it('tells its end to screen readers, too', () => {
    const until = format.instant('2026-11-21T22:09:00Z', now);
    showing({ lasts_seconds: 240 });
    expect(said()).toContain('in a few minutes');
    expect(showing({ lasts_seconds: 40 })).not.toContain('0 minutes');
    expect(said()).toContain('within a minute');
    expect(showing({ lasts_seconds: 0 })).not.toContain('budget lasts');
    expect(said()).toContain('Your budget is used up.');
    showing({
      warning: 'used-up',
      lasts_seconds: 0,
      grace_ends_at: '2026-11-21T22:09:00Z'
    });
    expect(said()).toContain(`your session stops at ${until}`);
  });

  it('is marked when little is left', () => {
    const isMarked = (left: number, held: number) => {
      showing({ left_ticks: left * 86400, held_ticks: held * 86400 });
      return node.querySelector('.lw-mod-little') !== null;
    };
    expect(isMarked(10, 3)).toBe(false);
    expect(isMarked(10, 2)).toBe(true);
  });

  it('leads to what was used, where there is a hub', () => {
    show(anOverview());
    expect(node.querySelector('a')).toBeNull();
    show(anOverview(), '/hub/labwerk/use');
    expect(node.querySelector('a')?.getAttribute('href')).toBe(
      '/hub/labwerk/use'
    );
  });
});

describe('somebody else’s budget', () => {
  it('is shown, and is not for a visitor to change', () => {
    const text = show(
      anOverview({
        session: aSession(),
        payers: [aPayer(), aProject()],
        visited: true
      }),
      '/hub/labwerk/use'
    );
    expect(text).toContain('60 GPU-hours left');
    expect(node.querySelector('button, input, a')).toBeNull();
  });

  it('is not told to a visitor as their own, but marked all the same', () => {
    const visit = (budget: Partial<IBudget>) =>
      show(
        anOverview({
          session: aSession(),
          budget: aBudget(budget),
          visited: true
        })
      );
    visit({ warning: 'used-up', grace_ends_at: '2026-11-21T22:09:00Z' });
    expect(said()).toBe('');
    expect(visit({ over_use: true })).toContain('without budget');
    expect(said()).toBe('');
  });
});

describe('another budget', () => {
  it('is offered while a session runs and there is one', () => {
    showing({}, [aPayer(), aProject()]);
    act(() => button(/^Let another budget pay/).click());
    expect(payWithOther).toHaveBeenCalledTimes(1);
    showing({}, [aPayer()]);
    expect(() => button(/^Let another/)).toThrow();
    show(anOverview({ payers: [aPayer(), aProject()] }));
    expect(() => button(/^Let another/)).toThrow();
    showing({ ticks_per_second: 0 }, [aPayer(), aProject()]);
    expect(() => button(/^Let another/)).toThrow();
  });

  it('may be the same again at one click, once it has enough', () => {
    showing({ over_use: true }, [aPayer()]);
    act(() => button(/^Let this budget pay again/).click());
    expect(payWith.mock.calls).toEqual([['institution/thr']]);
    expect(() => button(/^Let another/)).toThrow();
    for (const left_ticks of [0, 3 * 15 * 60 - 1]) {
      showing({ over_use: true }, [aPayer({ left_ticks }), aProject()]);
      expect(() => button(/^Let this/)).toThrow();
      button(/^Let another/);
    }
    showing({}, [aPayer()]);
    expect(() => button(/^Let this/)).toThrow();
  });

  it('leaves the focus in its section when it pays again', () => {
    showing({ over_use: true }, [aPayer()]);
    button(/^Let this budget pay again/).focus();
    showing({}, [aPayer()]);
    expect(document.activeElement?.textContent).toBe('Budget');
  });

  it('leaves the focus alone where it is elsewhere', () => {
    showing({ over_use: true }, [aPayer()]);
    button(/^Ask for more/).focus();
    showing({}, [aPayer()]);
    expect(document.activeElement).toBe(button(/^Ask for more/));
  });
});

describe('more of a budget', () => {
  const open = { id: 'br-1', deciders: ['Mira Conti', 'Jo Ek'] };

  it('is asked for with one click, and who decides is said', async () => {
    ask.mockResolvedValue({ ...open, repeated: false });
    showing({});
    await act(async () => button(/^Ask for more/).click());
    expect(ask.mock.calls).toEqual([['institution/thr', '']]);
    expect(said()).toContain('These decide: Mira Conti, Jo Ek.');
  });

  it('that was asked for already is said to be', async () => {
    ask.mockResolvedValue({ ...open, repeated: true });
    showing({});
    await act(async () => button(/^Ask for more/).click());
    expect(said()).toContain('You have asked already');
    ask.mockResolvedValue({ ...open, deciders: [], repeated: true });
    await act(async () => button(/^Ask for more/).click());
    expect(said()).toContain('your request is open');
  });

  it('is not said to be asked for any longer once it is granted', async () => {
    ask.mockResolvedValue({ ...open, repeated: false });
    showing({});
    await act(async () => button(/^Ask for more/).click());
    expect(said()).toContain('Your request for more is made.');
    showing({ granted_ticks: 2 * 5184000 });
    expect(said()).not.toContain('request');
  });

  it('says why it cannot be asked for', async () => {
    ask.mockRejectedValue(new OverviewError('budget-request', 'Not now.'));
    showing({});
    await act(async () => button(/^Ask for more/).click());
    expect(said()).toContain('Not now.');
  });
});

describe('disk space', () => {
  const home: IStorage = {
    kind: 'home',
    name: 'thr--anna-mueller',
    title: '',
    path: '/home/anna',
    used_bytes: 19 * 2 ** 30,
    limit_bytes: 20 * 2 ** 30,
    how: 'enforced',
    warning: 'Your home is nearly full.'
  };
  const shown = (...storage: IStorage[]) =>
    rendered(React.createElement(StorageSection, { storage, format, trans }));

  it('shows how full each folder is, and what is to be done', () => {
    const text = shown(home);
    expect(text).toContain('Home19 GiB of 20 GiB');
    const fresh = { ...home, used_bytes: 131072 };
    expect(shown(fresh)).toContain('Home128 KiB of 20 GiB');
    expect(text).toContain('nearly full');
    expect(text).not.toContain('Nothing stops you');
  });

  it('says what nobody enforces, and what cannot be measured', () => {
    expect(shown({ ...home, how: 'measured' })).toContain('Nothing stops you');
    const unknown = { ...home, used_bytes: null, warning: null };
    expect(shown(unknown)).toContain('Homenot measurable');
    const free = { ...home, limit_bytes: null, warning: null };
    expect(shown(free)).toContain('Home19 GiB');
    expect(node.querySelector('[role=meter]')).toBeNull();
  });

  it('shows nothing where nothing is known', () => {
    expect(shown()).toBe('');
  });
});
