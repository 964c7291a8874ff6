import type { IStateDB } from '@jupyterlab/statedb';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { endsSoon } from './budgets';
import { IOverview, ISession, Warning, WARNINGS } from './wire';

/** Where Lab's state keeps which warnings were given. */
const KEY = 'labwerk-lab:budget-warnings';

/** The worst warning given of each budget that paid for a session. */
interface ITold {
  session: string;
  worst: Record<string, number>;
}

/**
 * Remembers which warnings of a budget were given, also when the page is loaded again.
 *
 * A warning is given once for a session, a budget and its period, and none after a worse
 * one: figures may wobble around a limit. When more is granted it begins anew. The last
 * two are given again when the session's end has moved: it comes to its end again.
 */
export class Told {
  /** @param state - Lab's state; without it, what was told is known until a reload. */
  constructor(private readonly _state: IStateDB | null) {}

  /** Whether a warning is to be given now; it counts as given from then on. */
  async isNews(
    session: Pick<ISession, 'id' | 'ends_at'>,
    { budget }: Pick<IOverview, 'budget'>,
    level: Warning
  ): Promise<boolean> {
    this._loaded ??= this._load();
    await this._loaded;
    if (this._told.session !== session.id) {
      this._told = { session: session.id, worst: {} };
    }
    const { worst } = this._told;
    const whole = `${budget.id} ${budget.period} ${budget.granted_ticks}`;
    const key = endsSoon(level) ? `${whole} ${session.ends_at}` : whole;
    const rank = WARNINGS.indexOf(level);
    if (rank <= (worst[key] ?? -1)) {
      return false;
    }
    worst[key] = rank;
    // A fifth and a tenth are no news after it, wherever the end is.
    worst[whole] = Math.max(rank, worst[whole] ?? -1);
    void this._state
      ?.save(KEY, this._told as unknown as ReadonlyJSONObject)
      .catch(() => undefined);
    return true;
  }

  private async _load(): Promise<void> {
    const kept = await this._state?.fetch(KEY).catch(() => undefined);
    if (isTold(kept)) {
      this._told = { session: kept.session, worst: { ...kept.worst } };
    }
  }

  private _loaded: Promise<void> | null = null;
  private _told: ITold = { session: '', worst: {} };
}

function isTold(value: unknown): value is ITold {
  const parts = value as Partial<ITold> | null | undefined;
  return (
    typeof parts?.session === 'string' &&
    typeof parts.worst === 'object' &&
    parts.worst !== null
  );
}
