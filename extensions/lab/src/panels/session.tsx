import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { endOf } from '../budgets';
import type { Formatter } from '../format';
import type { Change, IOverview, ISession } from '../wire';
import { Lifetime } from './lifetime';
import { SliceFacts } from './slice';

/** Seconds before the end from which the panel says so loudly. */
const SOON = 30 * 60;

interface IProps {
  overview: IOverview;
  change: (change: Change) => Promise<IOverview>;
  /** The service's time in milliseconds. */
  now: number;
  format: Formatter;
  trans: TranslationBundle;
  /** Leads to the page where a session is stopped; null outside a hub. */
  stop: (() => void) | null;
}

/** What this session has, since when and for how long. */
export function SessionSection(props: IProps): React.ReactElement {
  const { trans, stop } = props;
  const { session, person, last_end: lastEnd, visited } = props.overview;
  return (
    <section className="lw-Section" aria-labelledby="lw-session">
      <h3 id="lw-session">{trans.__('Session')}</h3>
      {visited && (
        <p className="lw-Notice lw-mod-warn">
          {trans.__('This is the server of %1.', person.display_name)}
        </p>
      )}
      {session === null ? (
        <>
          <p className="lw-Quiet">
            {trans.__(
              'The workbench knows of no running session of yours; it may just be starting or ending.'
            )}
          </p>
          {lastEnd && <p>{lastEnd.sentence}</p>}
        </>
      ) : (
        <Running {...props} session={session} />
      )}
      {session !== null && stop !== null && !visited && (
        <button type="button" className="lw-Button" onClick={stop}>
          {trans.__('Stop or change…')}
        </button>
      )}
    </section>
  );
}

function Running(props: IProps & { session: ISession }): React.ReactElement {
  const { session, now, format, trans } = props;
  const ends = endOf(session, props.overview.budget);
  const left = (Date.parse(ends) - now) / 1000;
  return (
    <>
      <p className="lw-Lead">
        {session.flavour.title}
        {session.slice?.simulated && (
          <span className="lw-Badge lw-mod-warn">{trans.__('simulated')}</span>
        )}
      </p>
      {session.slice?.simulated && (
        <p className="lw-Quiet">
          {trans.__(
            'No GPU is behind this slice: it is reserved, limited and charged like a real one, but it does not compute.'
          )}
        </p>
      )}
      {session.problem && (
        <div className="lw-Notice lw-mod-warn" role="alert">
          {session.problem}
        </div>
      )}
      <dl className="lw-Facts">
        <SliceFacts slice={session.slice} format={format} trans={trans} />
        <dt>{trans.__('Computer')}</dt>
        <dd>
          {trans._n(
            '%2 core',
            '%2 cores',
            session.cpus,
            format.number(session.cpus)
          )}
          {' · '}
          {trans.__('%1 GiB of memory', format.number(session.memory_gib))}
        </dd>
        <dt>{trans.__('Image')}</dt>
        <dd>{session.image.title}</dd>
        <dt>{trans.__('Started')}</dt>
        <dd>
          <time dateTime={session.started_at}>
            {format.instant(session.started_at, now)}
          </time>
        </dd>
        <dt>{trans.__('Ends')}</dt>
        <dd className={left < SOON ? 'lw-mod-soon' : undefined}>
          {left >= 60
            ? trans.__('in %1', format.duration(left))
            : left > 0
              ? trans.__('in less than a minute')
              : trans.__('now')}
          <br />
          <time className="lw-Quiet" dateTime={ends}>
            {format.instant(ends, now)}
          </time>
        </dd>
        {Date.parse(session.longest_ends_at) > Date.parse(ends) && (
          <>
            <dt>{trans.__('At the latest')}</dt>
            <dd>
              <time dateTime={session.longest_ends_at}>
                {format.instant(session.longest_ends_at, now)}
              </time>
            </dd>
          </>
        )}
      </dl>
      <Lifetime {...props} />
    </>
  );
}
