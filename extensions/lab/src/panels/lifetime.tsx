import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Formatter } from '../format';
import { problemText } from '../problems';
import type { Change, IOverview, ISession } from '../wire';

interface IProps {
  session: ISession;
  overview: IOverview;
  change: (change: Change) => Promise<IOverview>;
  /** The service's time in milliseconds. */
  now: number;
  format: Formatter;
  trans: TranslationBundle;
}

/** What came of a change; it holds for the end that the session then had. */
interface ISaid {
  text: string;
  endsAt: string;
  /** Whether it is that the session counts as in use. */
  isInUse: boolean;
}

/** What can be done about the session's end, and what happens if nothing runs. */
export function Lifetime(props: IProps): React.ReactElement {
  const { session, overview, change, now, format, trans } = props;
  const [busy, setBusy] = React.useState(false);
  const [said, setSaid] = React.useState<ISaid | null>(null);
  const extend = React.useRef<HTMLButtonElement>(null);
  const act = async (what: Change) => {
    if (busy) {
      return;
    }
    setBusy(true);
    setSaid(null);
    try {
      const ends = (await change(what)).session?.ends_at;
      const isMoved = what === 'extend' && ends !== undefined;
      setSaid({
        text: isMoved
          ? trans.__('Your session now ends at %1.', format.instant(ends, now))
          : trans.__('Noted: your session goes on.'),
        endsAt: ends ?? session.ends_at,
        isInUse: !isMoved
      });
    } catch (reason) {
      setSaid({
        text: problemText(reason, trans),
        endsAt: session.ends_at,
        isInUse: false
      });
    }
    setBusy(false);
  };
  const isOver =
    said !== null &&
    (said.endsAt !== session.ends_at ||
      (said.isInUse && Boolean(session.idle?.warning)));
  React.useEffect(() => {
    if (isOver) {
      setSaid(null);
    }
  }, [isOver]);
  const stillWorking = async () => {
    await act('still-working');
    // Its button is gone with the warning: the focus goes to one that stays.
    extend.current?.focus();
  };
  const { until, refusal } = session.extension;
  const waiting = session.waiting_behind;
  // A visitor leaves the session as it is.
  const visited = Boolean(overview.visited);
  // What is to be done once the budget is used up stands with the budget.
  const isOffered =
    !visited && (until !== null || overview.budget.grace_ends_at === null);
  return (
    <>
      {/* It stays where it is when there is no extension: the focus is not lost. */}
      {isOffered && (
        <button
          ref={extend}
          type="button"
          className="lw-Button"
          aria-disabled={busy || until === null}
          aria-describedby="lw-refusal"
          onClick={() => until !== null && void act('extend')}
        >
          {until === null
            ? trans.__('Extend')
            : trans.__('Extend until %1', format.instant(until, now))}
        </button>
      )}
      {isOffered && until === null && (
        <p id="lw-refusal" className="lw-Quiet">
          {refusal}
        </p>
      )}
      {waiting > 0 && (
        <p className="lw-Quiet">
          {trans._n(
            '%2 person waits for a slice like yours.',
            '%2 people wait for a slice like yours.',
            waiting,
            format.number(waiting)
          )}
        </p>
      )}
      <div role="status">
        <Idle {...props} />
      </div>
      {!visited && session.idle?.warning && (
        <button
          type="button"
          className="lw-Button"
          aria-disabled={busy}
          onClick={() => void stillWorking()}
        >
          {trans.__('Still working')}
        </button>
      )}
      <p className="lw-Done" role="status">
        {isOver ? '' : said?.text}
      </p>
    </>
  );
}

function Idle(props: IProps): React.ReactElement | null {
  const { session, now, format, trans } = props;
  const { since, stops_at: stops } = session.idle ?? {};
  if (!since) {
    return null;
  }
  return (
    <p>
      {stops
        ? trans.__(
            'Idle since %1; the session stops at %2 unless something runs.',
            format.instant(since, now),
            format.instant(stops, now)
          )
        : trans.__('Idle since %1.', format.instant(since, now))}
    </p>
  );
}
