import { StateDB } from '@jupyterlab/statedb';
import { OverviewError } from '../api';
import type { IBudget, Warning } from '../wire';
import { aBudget, anOverview, aPayer, aProject, aSession } from './example';
import { clock, settled, setUp } from './warned';

/** A budget of 60 GPU-hours of which so many are left, and what is warned of. */
function left(hours: number, warning: Warning | null): Partial<IBudget> {
  const left_ticks = hours * 86400;
  return {
    left_ticks,
    held_ticks: 0,
    used_ticks: 5184000 - left_ticks,
    lasts_seconds: left_ticks / 3,
    warning
  };
}

/** A budget that is used up, and until when its session goes on. */
const usedUp: Partial<IBudget> = {
  ...left(0, 'used-up'),
  grace_ends_at: '2026-11-21T22:10:00Z'
};

describe('a budget', () => {
  it('of which a fifth and a tenth are left is told once each, and can wait', async () => {
    const save = jest.fn(async () => true);
    const { model, manager, shown } = setUp(save);
    model.at('20:00:00', {}, left(12.5, null));
    await settled();
    expect(shown()).toEqual([]);
    model.at('20:10:00', {}, left(11.9, 'fifth'));
    model.at('20:11:00', {}, left(11.8, 'fifth'));
    await settled();
    expect(shown()).toHaveLength(1);
    expect(shown()[0]).toMatch(
      /^Less than a fifth of your budget is unused: 11\.9 of 60 GPU-hours, enough until .* \(Rhine Technical University\)\.$/
    );
    expect(manager.notifications[0].options.autoClose).toBeGreaterThan(0);
    model.at('21:00:00', {}, left(5.9, 'tenth'));
    await settled();
    expect(shown()).toHaveLength(1);
    expect(shown()[0]).toContain(
      'Less than a tenth of your budget is unused: 5.9 of 60'
    );
    expect(save).not.toHaveBeenCalled();
  });

  it('that lasts five minutes is told after documents are saved, until dismissed', async () => {
    const save = jest.fn(async () => true);
    const { model, manager, shown } = setUp(save);
    const ends_at = '2026-11-21T22:00:00Z';
    model.at(
      '21:55:00',
      { ends_at },
      { ...left(0, 'minutes'), lasts_seconds: 300 }
    );
    await settled();
    expect(save).toHaveBeenCalledTimes(1);
    expect(shown()).toEqual([
      `Your budget is used up at ${clock(ends_at)}. Open documents are saved.`
    ]);
    expect(manager.notifications[0].options.autoClose).toBe(false);
  });

  it('that is used up is told with the time that is given, and not as the session’s end', async () => {
    const { model, manager, shown } = setUp();
    model.at('22:00:30', { ends_at: '2026-11-21T22:00:00Z' }, usedUp);
    await settled();
    const grace = clock('2026-11-21T22:10:00Z');
    expect(shown()).toEqual([
      `Your budget is used up: your session stops at ${grace}. Open documents are saved.`
    ]);
    expect(manager.notifications[0].options.autoClose).toBe(false);
  });

  it('that is used up has documents saved until the very end', async () => {
    const save = jest.fn(async () => true);
    const { model } = setUp(save);
    for (const time of ['22:05:00', '22:06:00', '22:09:10', '22:09:40']) {
      model.at(time, { ends_at: '2026-11-21T22:00:00Z' }, usedUp);
      await settled();
    }
    expect(save).toHaveBeenCalledTimes(3);
  });

  it('that wobbles around a limit is not told again', async () => {
    const { model, manager, shown } = setUp();
    for (const level of ['fifth', null, 'fifth', 'tenth', 'fifth', 'tenth']) {
      model.at('20:00:00', {}, left(12, level as Warning | null));
      await settled();
      manager.dismiss();
    }
    model.at('20:01:00', {}, left(6, 'tenth'));
    await settled();
    expect(shown()).toEqual([]);
  });

  it('that is enough again is not warned of any longer', async () => {
    const { model, shown } = setUp();
    model.at('22:00:30', {}, usedUp);
    await settled();
    expect(shown()).toHaveLength(1);
    const granted_ticks = 2 * 5184000;
    model.at('22:01:00', {}, { ...left(60, null), granted_ticks });
    expect(shown()).toEqual([]);
    // What was granted comes to an end as well.
    model.at('22:30:00', {}, { ...left(12, 'fifth'), granted_ticks });
    await settled();
    expect(shown()).toHaveLength(1);
  });

  it('is not told of again after the page is loaded again, but in another session', async () => {
    const state = new StateDB();
    const first = setUp(undefined, state);
    first.model.at('20:00:00', {}, left(12, 'fifth'));
    await settled();
    expect(first.shown()).toHaveLength(1);

    const second = setUp(undefined, state);
    second.model.at('20:01:00', {}, left(12, 'fifth'));
    await settled();
    expect(second.shown()).toEqual([]);
    second.model.at('20:02:00', {}, left(6, 'tenth'));
    await settled();
    expect(second.shown()).toHaveLength(1);
    second.model.at('20:03:00', { id: 'lw-another' }, left(6, 'tenth'));
    await settled();
    expect(second.shown()).toHaveLength(1);
    second.model.at(
      '20:04:00',
      { id: 'lw-another' },
      { ...left(6, 'tenth'), period: '2026-12' }
    );
    await settled();
    expect(second.shown()).toHaveLength(1);
  });

  it('that comes to its end once more, where the session was extended, is told once more', async () => {
    const state = new StateDB();
    const { model, shown } = setUp(undefined, state);
    const first = '2026-11-21T22:00:00Z';
    const second = '2026-11-21T22:45:00Z';
    const minutes = { ...left(0, 'minutes'), lasts_seconds: 270 };
    const ended = (stops: string): Partial<IBudget> => ({
      ...usedUp,
      grace_ends_at: stops
    });
    const at = async (
      time: string,
      ends_at: string,
      budget: Partial<IBudget>
    ) => {
      model.at(time, { ends_at }, budget);
      await settled();
      return shown().join();
    };
    expect(await at('21:55:30', first, minutes)).toContain(clock(first));
    expect(await at('22:00:30', first, usedUp)).toContain('stops at');
    // A colleague's session ended, and the person extends by what that had kept.
    const enough = { ...left(0, 'tenth'), held_ticks: 3 * 2580 };
    const lasts_seconds = 2580;
    expect(await at('22:02:00', second, { ...enough, lasts_seconds })).toBe('');
    expect(await at('22:40:30', second, minutes)).toContain(clock(second));
    const stops = '2026-11-21T22:55:00Z';
    expect(await at('22:45:30', second, ended(stops))).toContain(clock(stops));

    const again = setUp(undefined, state);
    again.model.at('22:46:00', { ends_at: second }, ended(stops));
    await settled();
    expect(again.shown()).toEqual([]);
  });

  it('that is not used up when the session ends anyway does not hide that', async () => {
    const { model, shown } = setUp();
    const end = '2026-11-21T23:00:00Z';
    model.at(
      '22:56:00',
      { ends_at: end, longest_ends_at: end },
      { ...left(0, 'minutes'), lasts_seconds: 240 }
    );
    await settled();
    expect(shown()).toHaveLength(2);
  });
});

describe('somebody whose budget is used up', () => {
  const refused = new OverviewError('budget-used-up', 'It has too little.');

  async function warned() {
    const lab = setUp();
    lab.model.at('22:00:30', { ends_at: '2026-11-21T22:00:00Z' }, usedUp);
    await settled();
    return lab;
  }

  it('lets another budget pay, which is said', async () => {
    const { model, choosePayer, press, shown } = await warned();
    const ends_at = '2026-11-22T02:00:00Z';
    choosePayer.mockResolvedValue('project/rotor');
    model.answer = anOverview({
      session: aSession({ ends_at }),
      budget: aBudget({ id: 'project/rotor', title: 'Rotor blades' })
    });
    await press('Let another budget pay');
    expect(model.asked).toEqual([{ payer: 'project/rotor' }]);
    expect(shown()).toHaveLength(2);
    expect(shown().join()).toMatch(/Your session now ends at .*“Rotor blades”/);
  });

  it('may leave it as it is, and the warning stays', async () => {
    const { model, choosePayer, press, shown } = await warned();
    choosePayer.mockResolvedValue(null);
    await press('Let another budget pay');
    expect(model.asked).toEqual([]);
    expect(shown()).toHaveLength(1);
  });

  it('reads why another budget cannot pay', async () => {
    const { model, choosePayer, press, manager } = await warned();
    choosePayer.mockResolvedValue('project/rotor');
    model.refusal = refused;
    await press('Let another budget pay');
    expect(manager.notifications).toMatchObject([
      { message: refused.message, type: 'error' },
      { type: 'warning' }
    ]);
  });

  it('asks for more with one click, and reads who decides', async () => {
    const { ask, press, shown } = await warned();
    ask.mockResolvedValue(ASKED);
    await press('Ask for more');
    expect(ask.mock.calls).toEqual([['institution/thr', '']]);
    expect(shown().join()).toContain('Mira Conti');
    expect(shown()).toHaveLength(2);
  });

  it('saves all', async () => {
    const save = jest.fn(async () => true);
    const { model, press, manager } = setUp(save);
    model.at('22:00:30', { ends_at: '2026-11-21T22:00:00Z' }, usedUp);
    await settled();
    save.mockResolvedValue(false);
    await press('Save all');
    expect(save).toHaveBeenCalledTimes(2);
    expect(manager.notifications[0]).toMatchObject({
      message: 'Not every open document could be saved.',
      type: 'error'
    });
  });

  it('is offered no other budget where there is none', async () => {
    const { model, buttons, actions, choosePayer, shown } = setUp();
    model.payers = [aPayer()];
    model.at('22:00:30', {}, usedUp);
    await settled();
    expect(buttons()).toEqual(['Ask for more', 'Save all']);
    await actions.payWithOther();
    expect(choosePayer).not.toHaveBeenCalled();
    expect(shown().join()).toContain('There is no other budget');
  });

  it('is told to wait while nothing is known yet, and why if it stays so', async () => {
    const { model, manager, actions, ask, choosePayer } = setUp();
    await actions.payWithOther();
    await actions.askForMore('');
    const waiting = { message: 'Asking the workbench…', type: 'info' };
    expect(manager.notifications).toMatchObject([waiting, waiting]);
    manager.dismiss();
    const problem = new OverviewError('service-unreachable', 'Not there.');
    model.state = { status: 'failed', problem };
    await actions.payWithOther();
    await actions.askForMore('');
    const failed = { message: 'Not there.', type: 'error' };
    expect(manager.notifications).toMatchObject([failed, failed]);
    expect(ask).not.toHaveBeenCalled();
    expect(choosePayer).not.toHaveBeenCalled();
  });

  it('is not offered what has to be saved while there is time', async () => {
    const { model, buttons } = setUp();
    model.payers = [aPayer(), aProject()];
    model.at('20:00:00', {}, left(12, 'fifth'));
    await settled();
    expect(buttons()).toEqual(['Let another budget pay', 'Ask for more']);
  });
});

const ASKED = { id: 'br-1', deciders: ['Mira Conti'], repeated: false };
