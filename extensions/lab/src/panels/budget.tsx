import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import {
  canPayAgain,
  leftText,
  otherPayers,
  ownerText,
  paidUntil,
  periodText,
  warningAt
} from '../budgets';
import type { Formatter } from '../format';
import type { IAsked, IBudget, IOverview } from '../wire';
import { AskForMore } from './ask';

const MINUTE = 60_000;

/** The share of the budget below which what is left is marked. */
const LITTLE = 0.2;

interface IProps {
  overview: IOverview;
  /** Asks whoever decides for more of a budget. */
  ask: (budget: string, words: string) => Promise<IAsked>;
  /** Lets the person choose another budget. */
  payWithOther: () => void;
  /** Lets a budget pay from now on. */
  payWith: (budget: string) => void;
  /** The page on which the person sees what they used; null outside a hub. */
  usePage: string | null;
  /** The service's time in milliseconds. */
  now: number;
  format: Formatter;
  trans: TranslationBundle;
}

/** Which budget pays, how many GPU-hours it has, where they went, how long they last. */
export function BudgetSection(props: IProps): React.ReactElement {
  const { overview, format, trans } = props;
  const { budget } = overview;
  return (
    <section className="lw-Section" aria-labelledby="lw-budget">
      <h3 id="lw-budget" tabIndex={-1}>
        {trans.__('Budget')}
      </h3>
      <p className="lw-Title">
        {budget.title}
        {budget.over_use && (
          <span className="lw-Badge lw-mod-warn">
            {trans.__('without budget')}
          </span>
        )}
      </p>
      <p className="lw-Quiet">
        {ownerText(budget, trans)}
        <br />
        {periodText(budget, format, trans)}
      </p>
      <div role="status">
        <Warning {...props} />
      </div>
      {budget.granted_ticks === 0 ? (
        <p>{trans.__('No GPU-hours are granted for this period.')}</p>
      ) : (
        <Share {...props} />
      )}
      <Outlook {...props} />
      {!overview.visited && <Changes {...props} />}
      {props.usePage !== null && !overview.visited && (
        <p>
          <a href={props.usePage} target="_blank" rel="noreferrer">
            {trans.__('My use')}
          </a>
        </p>
      )}
    </section>
  );
}

/** What the person can do about it. */
function Changes(props: IProps): React.ReactElement {
  const { overview, trans } = props;
  const { budget, session } = overview;
  const hasOthers = otherPayers(overview).some(payer => !payer.chosen);
  return (
    <>
      {session !== null && canPayAgain(overview) && (
        <PayAgain pay={() => props.payWith(budget.id)} trans={trans} />
      )}
      {session !== null && hasOthers && budget.ticks_per_second > 0 && (
        <button
          type="button"
          className="lw-Button"
          onClick={props.payWithOther}
        >
          {trans.__('Let another budget pay…')}
        </button>
      )}
      <AskForMore
        key={budget.id}
        about={`${budget.period} ${budget.granted_ticks}`}
        ask={words => props.ask(budget.id, words)}
        trans={trans}
      />
    </>
  );
}

/** A button that is gone once it has worked: the focus then goes to the section's heading. */
function PayAgain(props: {
  pay: () => void;
  trans: TranslationBundle;
}): React.ReactElement {
  const button = React.useRef<HTMLButtonElement>(null);
  React.useLayoutEffect(() => {
    const node = button.current;
    return () => {
      if (node !== null && node === document.activeElement) {
        node.closest('section')?.querySelector('h3')?.focus();
      }
    };
  }, []);
  return (
    <button
      ref={button}
      type="button"
      className="lw-Button"
      onClick={props.pay}
    >
      {props.trans.__('Let this budget pay again')}
    </button>
  );
}

/** The person's share, and where it went. */
function Share(props: IProps): React.ReactElement {
  const { overview, format, trans } = props;
  const { budget } = overview;
  const hours = (ticks: number) => format.shownGpuHours(ticks, budget);
  const left = leftText(overview, format, trans);
  const own = budget.granted_ticks - budget.used_ticks - budget.held_ticks;
  return (
    <>
      <p className="lw-Lead">{left}</p>
      <Bar budget={budget} text={left} trans={trans} />
      <ul className="lw-Legend">
        <li>
          <span className="lw-Key lw-mod-used" aria-hidden="true" />
          {trans._n(
            '%2 used',
            '%2 used',
            hours(budget.used_ticks),
            format.gpuHours(budget.used_ticks, budget)
          )}
        </li>
        <li>
          <span className="lw-Key lw-mod-held" aria-hidden="true" />
          {trans._n(
            '%2 kept for running sessions',
            '%2 kept for running sessions',
            hours(budget.held_ticks),
            format.gpuHours(budget.held_ticks, budget)
          )}
        </li>
      </ul>
      {budget.budget_left_ticks < own && (
        <p>
          {trans._n(
            'All who are paid by it have %2 GPU-hour left together.',
            'All who are paid by it have %2 GPU-hours left together.',
            hours(budget.budget_left_ticks),
            format.gpuHours(budget.budget_left_ticks, budget)
          )}
        </p>
      )}
    </>
  );
}

function Bar(props: {
  budget: IBudget;
  /** What is left, in words. */
  text: string;
  trans: TranslationBundle;
}): React.ReactElement {
  const { budget, text, trans } = props;
  const { granted_ticks: granted, left_ticks: left } = budget;
  // What runs without budget may use more than there is.
  const whole = Math.max(granted, budget.used_ticks + budget.held_ticks);
  const share = (ticks: number) => `${(100 * Math.max(0, ticks)) / whole}%`;
  const remaining = left + budget.held_ticks;
  return (
    <div
      className={
        remaining <= LITTLE * granted ? 'lw-Bar lw-mod-little' : 'lw-Bar'
      }
      role="meter"
      aria-label={trans.__('GPU-hours used and kept')}
      aria-valuemin={0}
      aria-valuemax={granted}
      aria-valuenow={Math.min(granted, Math.max(0, granted - left))}
      aria-valuetext={text}
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

/** That the budget is used up or nearly, and what follows; it is for the owner to read. */
function Warning(props: IProps): React.ReactElement | null {
  const { overview, now, format, trans } = props;
  const { budget } = overview;
  if (overview.visited) {
    return null;
  }
  if (budget.over_use) {
    return (
      <p className="lw-Notice lw-mod-warn">
        {trans.__(
          'Your session runs without budget. It ends when somebody waits for its slice.'
        )}
      </p>
    );
  }
  const left = (paidUntil(overview) ?? Infinity) - now;
  switch (warningAt(overview, now)) {
    case 'used-up':
      return (
        <p className="lw-Notice lw-mod-warn">
          {budget.grace_ends_at === null
            ? trans.__('Your budget is used up.')
            : trans.__(
                'Your budget is used up: your session stops at %1.',
                format.instant(budget.grace_ends_at, now)
              )}
        </p>
      );
    case 'minutes':
      return (
        <p className="lw-Notice lw-mod-warn">
          {left >= MINUTE
            ? trans.__('Your budget is used up in a few minutes.')
            : left > 0
              ? trans.__('Your budget is used up within a minute.')
              : trans.__('Your budget is used up.')}
        </p>
      );
    default:
      return null;
  }
}

/** How long the budget lasts at this session's rate, in one sentence. */
function Outlook(props: IProps): React.ReactElement | null {
  const { overview, format, trans } = props;
  const { budget, session } = overview;
  if (session === null) {
    return null;
  }
  if (budget.ticks_per_second === 0) {
    return <p>{trans.__('This session costs no GPU-hours.')}</p>;
  }
  const rate = budget.ticks_per_second * 3600;
  const cost = trans._n(
    'This session costs %2 GPU-hour an hour.',
    'This session costs %2 GPU-hours an hour.',
    format.shownGpuHours(rate, budget),
    format.gpuHours(rate, budget)
  );
  return (
    <p>
      {cost} {lasts(props)}
    </p>
  );
}

function lasts(props: IProps): string | null {
  const { overview, now, format, trans } = props;
  const { budget } = overview;
  const until = paidUntil(overview);
  if (until === null || until - now < MINUTE || budget.warning === 'used-up') {
    return null; // the last minute is said above
  }
  const end = format.instant(budget.period_ends_at, now);
  return until >= Date.parse(budget.period_ends_at)
    ? trans.__('At that rate the budget lasts until the period ends (%1).', end)
    : trans.__(
        'At that rate the budget lasts another %1.',
        format.duration((until - now) / 1000)
      );
}
