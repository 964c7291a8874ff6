import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Formatter } from '../format';
import type { IBudget } from '../wire';

/** The share of the budget below which what is left is marked. */
const LITTLE = 0.1;

interface IProps {
  budget: IBudget;
  /** Whether a session runs. */
  running: boolean;
  /** The service's time in milliseconds. */
  now: number;
  format: Formatter;
  trans: TranslationBundle;
}

/** How many GPU-hours there are, where they went and how long they last. */
export function BudgetSection(props: IProps): React.ReactElement {
  const { budget, format, trans } = props;
  const left = format.gpuHours(budget.left_ticks, budget);
  const granted = format.gpuHours(budget.granted_ticks, budget);
  return (
    <section className="lw-Section" aria-labelledby="lw-budget">
      <h3 id="lw-budget">{trans.__('Budget')}</h3>
      <p className="lw-Quiet">
        {budget.title} · {format.period(budget.period)}
      </p>
      {budget.granted_ticks === 0 ? (
        <p>{trans.__('No GPU-hours are granted for this period.')}</p>
      ) : (
        <>
          <p className="lw-Lead">
            {trans.__('%1 of %2 GPU-hours left', left, granted)}
          </p>
          <Bar {...props} />
          <ul className="lw-Legend">
            <li>
              <span className="lw-Key lw-mod-used" aria-hidden="true" />
              {trans.__('%1 used', format.gpuHours(budget.used_ticks, budget))}
            </li>
            <li>
              <span className="lw-Key lw-mod-held" aria-hidden="true" />
              {trans.__(
                '%1 held for running sessions',
                format.gpuHours(budget.held_ticks, budget)
              )}
            </li>
          </ul>
        </>
      )}
      <Outlook {...props} />
    </section>
  );
}

function Bar(props: IProps): React.ReactElement {
  const { budget, format, trans } = props;
  const share = (ticks: number) =>
    `${Math.min(100, (100 * Math.max(0, ticks)) / budget.granted_ticks)}%`;
  const little = budget.left_ticks < LITTLE * budget.granted_ticks;
  const taken = budget.granted_ticks - Math.max(0, budget.left_ticks);
  return (
    <div
      className={little ? 'lw-Bar lw-mod-little' : 'lw-Bar'}
      role="meter"
      aria-label={trans.__('GPU-hours used and held')}
      aria-valuemin={0}
      aria-valuemax={budget.granted_ticks}
      aria-valuenow={taken}
      aria-valuetext={trans.__(
        '%1 of %2 GPU-hours left',
        format.gpuHours(budget.left_ticks, budget),
        format.gpuHours(budget.granted_ticks, budget)
      )}
    >
      <span
        className="lw-mod-used"
        style={{ width: share(budget.used_ticks) }}
      />
      <span
        className="lw-mod-held"
        style={{ width: share(budget.held_ticks) }}
      />
    </div>
  );
}

/** How long the budget lasts at this session's rate, in one sentence. */
function Outlook(props: IProps): React.ReactElement | null {
  const { budget, running, now, format, trans } = props;
  if (!running) {
    return null;
  }
  if (budget.ticks_per_second === 0) {
    return <p>{trans.__('This session costs no GPU-hours.')}</p>;
  }
  const rate = format.gpuHours(budget.ticks_per_second * 3600, budget);
  const cost = trans.__('This session costs %1 GPU-hours an hour.', rate);
  return (
    <p>
      {cost} {lasts(budget, now, format, trans)}
    </p>
  );
}

function lasts(
  budget: IBudget,
  now: number,
  format: Formatter,
  trans: TranslationBundle
): string {
  const seconds = budget.lasts_seconds ?? 0;
  const end = format.instant(budget.period_ends_at, now);
  return now + seconds * 1000 >= Date.parse(budget.period_ends_at)
    ? trans.__('At that rate the budget lasts until the period ends (%1).', end)
    : trans.__(
        'At that rate the budget lasts another %1.',
        format.duration(seconds)
      );
}
