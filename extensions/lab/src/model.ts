import { DisposableDelegate, IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';
import { OverviewError } from './api';
import { paidUntil } from './budgets';
import { IOverviewModel, OverviewState } from './tokens';
import { Change, IOverview } from './wire';

/** Milliseconds between two requests, and between two looks at the clock. */
const REQUEST_INTERVAL = 60_000;
const LONGEST_INTERVAL = 300_000;
const CLOCK_INTERVAL = 20_000;
/** A page that nobody sees asks this seldom: it must hear of the end all the same. */
const HIDDEN_INTERVAL = 290_000;
/** News this young are not asked for again when somebody begins to look. */
const FRESH = 15_000;

/**
 * The overview, polled while somebody watches it and never otherwise.
 *
 * A failed request keeps the last overview, with the reason beside it: a service
 * that restarts must not empty the panel of a session that runs on.
 */
export class OverviewModel implements IOverviewModel, IDisposable {
  /**
   * @param request - asks the service, after a change if one is named.
   */
  constructor(request: (change: Change | null) => Promise<IOverview>) {
    this._request = request;
    this._poll = new Poll({
      auto: false,
      name: 'labwerk-lab:overview',
      factory: () => this._fetch(),
      frequency: {
        interval: REQUEST_INTERVAL,
        backoff: true,
        max: LONGEST_INTERVAL
      },
      standby: () =>
        this._watchers === 0 ||
        (document.hidden && this._age() < this._hiddenInterval())
    });
    this._clock = new Poll({
      auto: false,
      name: 'labwerk-lab:clock',
      factory: async () => this._changed.emit(),
      frequency: { interval: CLOCK_INTERVAL, backoff: false },
      standby: () => this._watchers === 0
    });
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  get state(): OverviewState {
    return this._state;
  }

  now(): number {
    return Date.now() + this._clockError;
  }

  refresh(): Promise<void> {
    return this._poll.refresh();
  }

  async change(change: Change): Promise<IOverview> {
    try {
      const overview = await this._request(change);
      // A request that is under way would bring what was before the change.
      this._changes += 1;
      this._adopt(overview);
      return overview;
    } catch (reason) {
      // What was offered is refused: what is offered now is another thing.
      void this.refresh();
      throw asProblem(reason);
    }
  }

  watch(): IDisposable {
    this._watchers += 1;
    if (this._watchers === 1) {
      void this._clock.start();
    }
    if (this._watchers === 1 || this._age() > FRESH) {
      void this._poll.refresh();
    }
    return new DisposableDelegate(() => {
      this._watchers -= 1;
      if (this._watchers === 0 && !this.isDisposed) {
        void this._poll.stop();
        void this._clock.stop();
      }
    });
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    document.removeEventListener('visibilitychange', this._onVisibility);
    this._poll.dispose();
    this._clock.dispose();
    Signal.clearData(this);
  }

  private async _fetch(): Promise<void> {
    const changes = this._changes;
    this._askedAt = Date.now();
    try {
      const overview = await this._request(null);
      if (changes === this._changes) {
        this._adopt(overview);
      }
    } catch (reason) {
      this._setState(
        this._state.status === 'ready'
          ? { ...this._state, problem: asProblem(reason) }
          : { status: 'failed', problem: asProblem(reason) }
      );
      // The poll must see the failure, or it would not back off.
      throw reason;
    }
  }

  private _adopt(overview: IOverview): void {
    const receivedAt = Date.now();
    this._clockError = Date.parse(overview.served_at) - receivedAt;
    this._setState({ status: 'ready', overview, receivedAt, problem: null });
  }

  /** Milliseconds between two requests of a page that nobody sees. */
  private _hiddenInterval(): number {
    const until =
      this._state.status === 'ready' ? paidUntil(this._state.overview) : null;
    // What becomes of a budget's end is decided within minutes.
    return until !== null && until - this.now() < 2 * HIDDEN_INTERVAL
      ? REQUEST_INTERVAL - CLOCK_INTERVAL
      : HIDDEN_INTERVAL;
  }

  /** Milliseconds since the service was last asked. */
  private _age(): number {
    return Date.now() - this._askedAt;
  }

  private readonly _onVisibility = (): void => {
    if (!document.hidden && this._watchers > 0 && this._age() > FRESH) {
      void this._poll.refresh();
    }
  };

  private _setState(state: OverviewState): void {
    if (!this.isDisposed) {
      this._state = state;
      this._changed.emit();
    }
  }

  private readonly _request: (change: Change | null) => Promise<IOverview>;
  private readonly _poll: Poll;
  private readonly _clock: Poll;
  private readonly _changed = new Signal<this, void>(this);
  private _state: OverviewState = { status: 'loading' };
  private _clockError = 0;
  private _askedAt = -Infinity;
  private _changes = 0;
  private _watchers = 0;
}

function asProblem(reason: unknown): OverviewError {
  return reason instanceof OverviewError
    ? reason
    : new OverviewError('bad-answer', String(reason));
}
