import { nullTranslator } from '@jupyterlab/translation';
import { choosePayer } from '../panels/payers';
import type { IOverview } from '../wire';
import { aBudget, anOverview, aPayer, aProject, aSession } from './example';
import { settled } from './warned';

const trans = nullTranslator.load('labwerk_lab');

/** What pays for so many minutes of the session, which costs 3 ticks a second. */
const pays = (minutes: number) => ({ left_ticks: 3 * 60 * minutes });

/** The dialog for an overview, and what comes of a button in it. */
async function asked(overview: IOverview) {
  const chosen = choosePayer(overview, trans);
  while (document.querySelector('.jp-Dialog fieldset') === null) {
    await settled();
  }
  const dialog = document.querySelector<HTMLElement>('.jp-Dialog');
  if (dialog === null) {
    throw new Error('no dialog');
  }
  const offers = [...dialog.querySelectorAll<HTMLInputElement>('input')].map(
    ({ value, disabled, checked }) => ({ value, disabled, checked })
  );
  const buttons = [
    ...dialog.querySelectorAll<HTMLElement>('.jp-Dialog-footer button')
  ];
  const text = dialog.textContent ?? '';
  const press = async (name: string) => {
    buttons.find(one => one.textContent === name)?.click();
    return chosen;
  };
  return {
    ...{ offers, text, press },
    names: buttons.map(one => one.textContent)
  };
}

const running = (...payers: IOverview['payers']) =>
  anOverview({ session: aSession(), payers });

describe('the choice of who pays', () => {
  it('is of the budgets that can, the one with most left first', async () => {
    const course = aProject({ id: 'course/wind', ...pays(20) });
    const { offers, press } = await asked(
      running(aPayer(), course, aProject())
    );
    expect(offers).toEqual([
      { value: 'project/rotor', disabled: false, checked: true },
      { value: 'course/wind', disabled: false, checked: false }
    ]);
    expect(await press('Let it pay')).toBe('project/rotor');
  });

  it('says of a budget that has too little that it has', async () => {
    const { offers, text, names, press } = await asked(
      running(aPayer(), aProject(pays(14.9)))
    );
    expect(offers).toEqual([
      { value: 'project/rotor', disabled: true, checked: false }
    ]);
    expect(text).toContain('it pays for less than 15 minutes of this session');
    expect(names).toEqual(['Close']);
    expect(await press('Close')).toBeNull();
  });

  it('asks for no more than the session can last, nor of one that costs nothing', async () => {
    const session = aSession({ longest_ends_at: '2026-11-21T22:10:00Z' });
    const payers = [aPayer(), aProject(pays(10))];
    const short = await asked(anOverview({ session, payers }));
    expect(short.offers[0].disabled).toBe(false);
    await short.press('Cancel');

    const budget = aBudget({ ticks_per_second: 0 });
    const empty = [aPayer(), aProject(pays(0))];
    const free = await asked(
      anOverview({ session: aSession(), budget, payers: empty })
    );
    expect(free.offers[0].disabled).toBe(false);
    await free.press('Cancel');
  });

  it('leaves to the service what the next period has', async () => {
    const period_ends_at = '2026-11-21T22:05:00Z';
    const { offers, press } = await asked(
      running(aPayer(), aProject({ ...pays(5), period_ends_at }))
    );
    expect(offers[0].disabled).toBe(false);
    expect(await press('Cancel')).toBeNull();
  });
});
