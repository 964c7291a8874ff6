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
  const inputs = [...dialog.querySelectorAll<HTMLInputElement>('input')];
  const offers = inputs.map(one => ({
    value: one.value,
    can: one.getAttribute('aria-disabled') !== 'true',
    checked: one.checked
  }));
  const choose = async (payer: string) => {
    inputs.find(one => one.value === payer)?.click();
    await settled();
    return inputs.filter(one => one.checked).map(one => one.value);
  };
  const buttons = [
    ...dialog.querySelectorAll<HTMLElement>('.jp-Dialog-footer button')
  ];
  const text = dialog.textContent ?? '';
  const press = async (name: string) => {
    buttons.find(one => one.textContent === name)?.click();
    return chosen;
  };
  return {
    ...{ dialog, inputs, offers, text, choose, press },
    names: buttons.map(one => one.textContent)
  };
}

/** A budget that has too little. */
const poor = aProject({ id: 'project/poor', ...pays(14.9) });

const running = (...payers: IOverview['payers']) =>
  anOverview({ session: aSession(), payers });

describe('the choice of who pays', () => {
  it('is of the budgets that can, the one with most left first', async () => {
    const course = aProject({ id: 'course/wind', ...pays(20) });
    const { offers, press } = await asked(
      running(aPayer(), course, aProject())
    );
    expect(offers).toEqual([
      { value: 'project/rotor', can: true, checked: true },
      { value: 'course/wind', can: true, checked: false }
    ]);
    expect(await press('Let it pay')).toBe('project/rotor');
  });

  it('says of a budget that has too little that it has', async () => {
    const { offers, text, names, press } = await asked(
      running(aPayer(), aProject(pays(14.9)))
    );
    expect(offers).toEqual([
      { value: 'project/rotor', can: false, checked: false }
    ]);
    expect(text).toContain('it pays for less than 15 minutes of this session');
    expect(names).toEqual(['Close']);
    expect(await press('Close')).toBeNull();
  });

  it('is asked by its name, and takes none that has too little, which the keyboard reaches', async () => {
    const course = aProject({ id: 'course/wind', ...pays(20) });
    const { dialog, inputs, choose, press } = await asked(
      running(aPayer(), course, aProject(), poor)
    );
    expect(dialog.querySelector('legend')?.textContent).toBe(
      'Which budget pays from now on?'
    );
    expect(inputs.filter(one => one.disabled)).toEqual([]);
    expect(await choose('course/wind')).toEqual(['course/wind']);
    expect(await choose('project/poor')).toEqual(['course/wind']);
    expect(await press('Let it pay')).toBe('course/wind');
  });

  it('asks for no more than the session can last, nor of one that costs nothing', async () => {
    const session = aSession({ longest_ends_at: '2026-11-21T22:10:00Z' });
    const payers = [aPayer(), aProject(pays(10))];
    const short = await asked(anOverview({ session, payers }));
    expect(short.offers[0].can).toBe(true);
    await short.press('Cancel');

    const budget = aBudget({ ticks_per_second: 0 });
    const empty = [aPayer(), aProject(pays(0))];
    const free = await asked(
      anOverview({ session: aSession(), budget, payers: empty })
    );
    expect(free.offers[0].can).toBe(true);
    await free.press('Cancel');
  });

  it('leaves to the service what the next period has', async () => {
    const period_ends_at = '2026-11-21T22:05:00Z';
    const { offers, press } = await asked(
      running(aPayer(), aProject({ ...pays(5), period_ends_at }))
    );
    expect(offers[0].can).toBe(true);
    expect(await press('Cancel')).toBeNull();
  });
});
