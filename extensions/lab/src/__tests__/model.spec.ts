import { OverviewError } from '../api';
import { OverviewModel } from '../model';
import type { OverviewState } from '../tokens';
import { isOverview } from '../wire';
import { anOverview } from './example';

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

describe('an answer', () => {
  it('with the parts that are shown is an overview', () => {
    expect(isOverview(anOverview())).toBe(true);
  });

  it('that is something else is not', () => {
    expect(isOverview(null)).toBe(false);
    expect(isOverview('maintenance')).toBe(false);
    expect(isOverview({ code: 'x', message: 'y' })).toBe(false);
    expect(isOverview({ ...anOverview(), datasets: undefined })).toBe(false);
  });
});
