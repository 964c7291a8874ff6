import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Formatter } from '../format';
import type { ISession, ISlice } from '../wire';

/** Seconds before the end from which the panel says so loudly. */
const SOON = 30 * 60;

interface IProps {
  session: ISession | null;
  /** The service's time in milliseconds. */
  now: number;
  format: Formatter;
  trans: TranslationBundle;
  /** Leads to the page where a session is stopped; null outside a hub. */
  stop: (() => void) | null;
}

/** What this session has, since when and for how long. */
export function SessionSection(props: IProps): React.ReactElement {
  const { session, trans, stop } = props;
  return (
    <section className="lw-Section" aria-labelledby="lw-session">
      <h3 id="lw-session">{trans.__('Session')}</h3>
      {session === null ? (
        <p className="lw-Quiet">
          {trans.__(
            'The workbench knows of no running session of yours; it may just be starting or ending.'
          )}
        </p>
      ) : (
        <Running {...props} session={session} />
      )}
      {session !== null && stop !== null && (
        <button type="button" className="lw-Button" onClick={stop}>
          {trans.__('Stop or change…')}
        </button>
      )}
    </section>
  );
}

function Running(props: IProps & { session: ISession }): React.ReactElement {
  const { session, now, format, trans } = props;
  const left = (Date.parse(session.ends_at) - now) / 1000;
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
      <dl className="lw-Facts">
        <dt>{trans.__('Slice')}</dt>
        <dd>
          {session.slice === null ? (
            trans.__('no GPU')
          ) : (
            <Slice slice={session.slice} format={format} trans={trans} />
          )}
        </dd>
        <dt>{trans.__('Computer')}</dt>
        <dd>
          {trans._n(
            '%1 core',
            '%1 cores',
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
          {left > 0
            ? trans.__('in %1', format.duration(left))
            : trans.__('now')}
          <br />
          <time className="lw-Quiet" dateTime={session.ends_at}>
            {format.instant(session.ends_at, now)}
          </time>
        </dd>
      </dl>
    </>
  );
}

function Slice(props: {
  slice: ISlice;
  format: Formatter;
  trans: TranslationBundle;
}): React.ReactElement {
  const { slice, format, trans } = props;
  const units = Array.from({ length: slice.units_total }, (_, unit) => unit);
  return (
    <>
      {slice.label}
      <span className="lw-Units" aria-hidden="true">
        {units.map(unit => (
          <span
            key={unit}
            className={unit < slice.units ? 'lw-mod-ours' : undefined}
          />
        ))}
      </span>
      <span className="lw-Quiet">
        {trans.__(
          '%1 of %2 units',
          format.number(slice.units),
          format.number(slice.units_total)
        )}
        {slice.memory_mib !== null &&
          ' · ' +
            trans.__(
              '%1 GiB of GPU memory',
              format.number(slice.memory_mib / 1024, 2)
            )}
      </span>
    </>
  );
}
