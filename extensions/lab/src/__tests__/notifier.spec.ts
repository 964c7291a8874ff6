import { OverviewError } from '../api';
import { anOverview, aSession } from './example';
import { clock, settled, setUp } from './warned';

const END = clock('2026-11-21T23:00:00Z');

describe('the notifier', () => {
  it('says when the session ends, once, after documents are saved', async () => {
    const save = jest.fn(async () => true);
    const { model, shown } = setUp(save);
    model.at('22:00:00');
    await settled();
    expect(save).not.toHaveBeenCalled();
    model.at('22:45:10');
    model.at('22:45:30');
    await settled();
    model.at('22:46:00');
    await settled();
    expect(save).toHaveBeenCalledTimes(1);
    expect(shown()).toEqual([
      `Your session ends at ${END}. Open documents are saved.`
    ]);
  });

  it('does not say so before they are, and says if they could not be', async () => {
    let finish: (saved: boolean) => void = () => undefined;
    const saved = new Promise<boolean>(resolve => {
      finish = resolve;
    });
    const { model, manager, shown } = setUp(() => saved);
    model.at('22:59:10');
    await settled();
    expect(shown()).toEqual([]);
    finish(false);
    await settled();
    expect(shown()[0]).toContain('Not every open document could be saved.');
    expect(manager.notifications[0].type).toBe('error');
  });

  it('goes on saving in the last minute, and says so once', async () => {
    const save = jest.fn(async () => true);
    const { model, shown } = setUp(save);
    for (const time of ['22:59:05', '22:59:25', '22:59:45']) {
      model.at(time);
      await settled();
    }
    expect(save).toHaveBeenCalledTimes(3);
    expect(shown()).toHaveLength(1);
  });

  it('replaces what it said by what is more urgent', async () => {
    const { model, shown, manager } = setUp();
    model.at('22:46:00');
    await settled();
    const first = manager.notifications[0].id;
    model.at('22:55:30');
    await settled();
    expect(shown()).toHaveLength(1);
    expect(manager.has(first)).toBe(false);
  });

  it('does not say again what was dismissed', async () => {
    const { model, shown, manager } = setUp();
    model.at('22:46:00');
    await settled();
    manager.dismiss();
    model.at('22:47:00');
    await settled();
    expect(shown()).toEqual([]);
  });

  it('takes everything back when the session is extended or gone', async () => {
    const { model, shown } = setUp();
    model.at('22:46:00', { problem: 'The GPU is gone.' });
    await settled();
    expect(shown()).toHaveLength(2);
    model.at('22:47:00', { ends_at: '2026-11-22T03:00:00Z' });
    expect(shown()).toEqual([]);
    model.at('22:46:00');
    await settled();
    model.at('22:47:00', null);
    expect(shown()).toEqual([]);
  });

  it('says nothing of what came to an end while documents were saved', async () => {
    const { model, shown } = setUp();
    model.at('22:46:00');
    model.at('22:46:01', { ends_at: '2026-11-22T03:00:00Z' });
    await settled();
    expect(shown()).toEqual([]);
  });

  it('extends the session at one click, and says until when', async () => {
    const { model, press, shown } = setUp();
    model.answer = anOverview({
      session: aSession({ ends_at: '2026-11-22T00:30:00Z' })
    });
    model.at('22:46:00');
    await settled();
    await press('Extend');
    expect(model.asked).toEqual(['extend']);
    expect(shown()[0]).toContain('Your session now ends at');
    expect(shown()[0]).toContain(clock('2026-11-22T00:30:00Z'));
  });

  it('says why the session cannot be extended, and where more stands', async () => {
    const { model, press, shown, showPanel } = setUp();
    const refusal = 'Two people wait.';
    model.at('22:46:00', { extension: { until: null, refusal } });
    await settled();
    expect(shown()[0]).toContain(refusal);
    await press('Details');
    expect(showPanel).toHaveBeenCalled();
  });

  it('says why an extension that was offered is refused after all', async () => {
    const { model, press, manager } = setUp();
    model.refusal = new OverviewError('somebody-waits', 'Somebody waits now.');
    model.at('22:46:00');
    await settled();
    await press('Extend');
    expect(manager.notifications).toMatchObject([
      { message: 'Somebody waits now.', type: 'error' }
    ]);
  });

  it('warns of an idle stop, with one click against it', async () => {
    const { model, press, shown } = setUp();
    const since = '2026-11-21T21:00:00Z';
    const stops_at = '2026-11-21T22:10:00Z';
    model.at('22:00:00', { idle: { since, stops_at, warning: true } });
    await settled();
    expect(shown()).toEqual([
      `Idle since ${clock(since)}: your session stops at ${clock(stops_at)}. Open documents are saved.`
    ]);
    await press('Still working');
    expect(model.asked).toEqual(['still-working']);
    expect(shown()).toEqual(['Noted: your session goes on.']);
  });

  it('saves what a visitor has open, and leaves the reading to the owner', async () => {
    const save = jest.fn(async () => true);
    const { model, shown } = setUp(save);
    model.visited = true;
    model.at('22:45:10');
    await settled();
    expect(save).toHaveBeenCalledTimes(1);
    expect(shown()).toEqual([]);
  });
});
