import { OverviewError } from '../api';
import { OverviewModel } from '../model';
import type { OverviewState } from '../tokens';
import { Change, isOverview } from '../wire';
import { aBudget, anOverview, aSession } from './example';

/** Wait until the model's state is as described. */
function until(
  model: OverviewModel,
  isSo: (state: OverviewState) => boolean
): Promise<void> {
  return new Promise(resolve => {
    const look = () => {
      if (isSo(model.state)) {
        model.changed.disconnect(look);
        resolve();
      }
    };
    model.changed.connect(look);
    look();
  });
}

const ready = (state: OverviewState) => state.status === 'ready';
const failing = (state: OverviewState) =>
  state.status !== 'loading' && state.problem !== null;

describe('the overview model', () => {
  it('asks for nothing until somebody watches', async () => {
    const request = jest.fn(async () => anOverview());
    const model = new OverviewModel(request);
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(request).not.toHaveBeenCalled();
    expect(model.state.status).toBe('loading');
    model.dispose();
  });

  it('has the overview soon after somebody watches', async () => {
    const model = new OverviewModel(async () => anOverview());
    const watching = model.watch();
    await until(model, ready);
    expect(model.state).toMatchObject({ status: 'ready', problem: null });
    watching.dispose();
    model.dispose();
  });

  it('goes by the clock of the service', async () => {
    const model = new OverviewModel(async () => anOverview());
    const watching = model.watch();
    await until(model, ready);
    const error = Math.abs(model.now() - Date.parse('2026-11-21T22:00:00Z'));
    expect(error).toBeLessThan(2000);
    watching.dispose();
    model.dispose();
  });

  it('says why there is nothing to show', async () => {
    const problem = new OverviewError('service-unreachable', 'Not there.');
    const model = new OverviewModel(() => Promise.reject(problem));
    const watching = model.watch();
    await until(model, failing);
    expect(model.state).toEqual({ status: 'failed', problem });
    watching.dispose();
    model.dispose();
  });

  it('keeps the last overview when a later request fails', async () => {
    const problem = new OverviewError('service-timeout', 'Too late.');
    const request = jest
      .fn<Promise<ReturnType<typeof anOverview>>, []>()
      .mockResolvedValueOnce(anOverview())
      .mockRejectedValueOnce(problem);
    const model = new OverviewModel(request);
    const watching = model.watch();
    await until(model, ready);
    // A refresh during a request is that request: let this one end first.
    await new Promise(resolve => setTimeout(resolve));
    await model.refresh();
    await until(model, failing);
    expect(model.state).toMatchObject({ status: 'ready', problem });
    watching.dispose();
    model.dispose();
  });
});

describe('a change to the session', () => {
  const later = anOverview({ served_at: '2026-11-21T22:05:00Z' });

  it('is asked for, and the answer is the state', async () => {
    const request = jest.fn(async () => later);
    const model = new OverviewModel(request);
    expect(await model.change('extend')).toBe(later);
    expect(request).toHaveBeenCalledWith('extend');
    expect(model.state).toMatchObject({ status: 'ready', overview: later });
    model.dispose();
  });

  it('is not undone by what was asked before it', async () => {
    let answerPoll: (overview: ReturnType<typeof anOverview>) => void = () =>
      undefined;
    const model = new OverviewModel(change =>
      change === null
        ? new Promise(resolve => {
            answerPoll = resolve;
          })
        : Promise.resolve(later)
    );
    const watching = model.watch();
    await new Promise(resolve => setTimeout(resolve, 20));
    await model.change('still-working');
    answerPoll(anOverview());
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(model.state).toMatchObject({ overview: later });
    watching.dispose();
    model.dispose();
  });

  it('that is refused leaves the figures, says why, and asks what holds now', async () => {
    const refusal = new OverviewError('somebody-waits', 'Somebody waits.');
    const request = jest.fn((change: Change | null) =>
      change === null ? Promise.resolve(anOverview()) : Promise.reject(refusal)
    );
    const model = new OverviewModel(request);
    const watching = model.watch();
    await until(model, ready);
    await new Promise(resolve => setTimeout(resolve));
    await expect(model.change('extend')).rejects.toBe(refusal);
    expect(model.state).toMatchObject({ status: 'ready', problem: null });
    await new Promise(resolve => setTimeout(resolve, 20));
    expect(request.mock.calls.map(([change]) => change)).toEqual([
      null,
      'extend',
      null
    ]);
    watching.dispose();
    model.dispose();
  });
});

describe('the page', () => {
  let hidden = false;
  const show = (visible: boolean) => {
    hidden = !visible;
    document.dispatchEvent(new Event('visibilitychange'));
  };

  beforeEach(() => {
    jest.useFakeTimers({ now: Date.parse('2026-11-21T22:00:00Z') });
    jest.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden);
    hidden = false;
  });

  afterEach(() => {
    jest.restoreAllMocks();
    jest.useRealTimers();
  });

  /** The requests of so many minutes. */
  async function requestsIn(
    minutes: number,
    request: jest.Mock
  ): Promise<number> {
    const before = request.mock.calls.length;
    await jest.advanceTimersByTimeAsync(minutes * 60_000);
    return request.mock.calls.length - before;
  }

  it('asks once a minute while it is seen, and seldom while it is not', async () => {
    const request = jest.fn(async () => anOverview());
    const model = new OverviewModel(request);
    const watching = model.watch();
    const other = model.watch();
    await requestsIn(1, request);
    expect(await requestsIn(10, request)).toBe(10);
    show(false);
    const seldom = await requestsIn(30, request);
    expect(seldom).toBeGreaterThanOrEqual(5);
    expect(seldom).toBeLessThanOrEqual(6);
    watching.dispose();
    other.dispose();
    expect(await requestsIn(10, request)).toBe(0);
    model.dispose();
  });

  it('asks once a minute though it is not seen, while the budget comes to its end', async () => {
    const request = jest.fn(async () => {
      const served_at = new Date().toISOString();
      return anOverview({ served_at, budget: aBudget({ lasts_seconds: 300 }) });
    });
    const model = new OverviewModel(request);
    const watching = model.watch();
    await requestsIn(1, request);
    show(false);
    expect(await requestsIn(10, request)).toBe(10);
    watching.dispose();
    model.dispose();
  });

  it('asks when it is seen again, unless it just has', async () => {
    const request = jest.fn(async () => anOverview());
    const model = new OverviewModel(request);
    const watching = model.watch();
    await requestsIn(1, request);
    show(false);
    await requestsIn(2, request);
    const before = request.mock.calls.length;
    show(true);
    await jest.advanceTimersByTimeAsync(100);
    expect(request.mock.calls.length).toBe(before + 1);
    show(false);
    show(true);
    await jest.advanceTimersByTimeAsync(100);
    expect(request.mock.calls.length).toBe(before + 1);
    watching.dispose();
    model.dispose();
    show(false);
    show(true);
    expect(request.mock.calls.length).toBe(before + 1);
  });

  it('knows the time also while it is not seen', async () => {
    const model = new OverviewModel(async () => anOverview());
    const watching = model.watch();
    show(false);
    let told = 0;
    model.changed.connect(() => (told += 1));
    await jest.advanceTimersByTimeAsync(60_000);
    expect(told).toBeGreaterThanOrEqual(2);
    watching.dispose();
    model.dispose();
  });
});

describe('an answer', () => {
  it('with the parts that are shown is an overview', () => {
    expect(isOverview(anOverview())).toBe(true);
    expect(isOverview(anOverview({ session: aSession() }))).toBe(true);
  });

  it('that is something else is not', () => {
    expect(isOverview(null)).toBe(false);
    expect(isOverview('maintenance')).toBe(false);
    expect(isOverview({ code: 'x', message: 'y' })).toBe(false);
    expect(isOverview({ ...anOverview(), datasets: undefined })).toBe(false);
    expect(isOverview({ ...anOverview(), session: undefined })).toBe(false);
    expect(isOverview({ ...anOverview(), session: { id: 'x' } })).toBe(false);
  });
});
