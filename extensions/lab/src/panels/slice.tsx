import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Formatter } from '../format';
import type { ISlice } from '../wire';

interface IProps<T> {
  slice: T;
  format: Formatter;
  trans: TranslationBundle;
}

/** The part of the GPU that the session holds, and how busy it is, as facts. */
export function SliceFacts(props: IProps<ISlice | null>): React.ReactElement {
  const { slice, trans } = props;
  return (
    <>
      <dt>{trans.__('Slice')}</dt>
      <dd>
        {slice === null ? (
          trans.__('no GPU')
        ) : (
          <Slice {...props} slice={slice} />
        )}
      </dd>
      {slice !== null && <Use {...props} slice={slice} />}
    </>
  );
}

function Slice(props: IProps<ISlice>): React.ReactElement {
  const { slice, format, trans } = props;
  const units = Array.from({ length: slice.units_total }, (_, unit) => unit);
  const others = slice.shared_by - 1;
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
        {trans._n(
          '%2 unit of %3',
          '%2 units of %3',
          slice.units,
          format.number(slice.units),
          format.number(slice.units_total)
        )}
        {slice.memory_mib !== null &&
          ' · ' +
            trans.__('%1 GiB of GPU memory', format.gib(slice.memory_mib))}
      </span>
      {others > 0 && (
        <p>
          {trans._n(
            'Shared with up to %2 other session; memory is not kept apart.',
            'Shared with up to %2 other sessions; memory is not kept apart.',
            others,
            format.number(others)
          )}
        </p>
      )}
    </>
  );
}

/** What is measured; what cannot be is said to be so, and never shown as 0. */
function Use(props: IProps<ISlice>): React.ReactElement {
  const { slice, format, trans } = props;
  if (slice.use === null) {
    return (
      <>
        <dt>{trans.__('In use')}</dt>
        <dd>
          {slice.simulated
            ? trans.__('simulated: there is nothing to measure')
            : trans.__('not measurable')}
        </dd>
      </>
    );
  }
  const { memory_used_mib: memory, processes, utilisation } = slice.use;
  return (
    <>
      <dt>{trans.__('GPU memory in use')}</dt>
      <dd>
        {memory === null ? (
          trans.__('not measurable')
        ) : (
          <Memory {...props} used={memory} />
        )}
      </dd>
      <dt>{trans.__('GPU processes')}</dt>
      <dd>
        {processes === null
          ? trans.__('not measurable')
          : format.number(processes)}
      </dd>
      <dt>{trans.__('GPU at work')}</dt>
      <dd>
        {utilisation === null
          ? trans.__('not measurable')
          : format.percent(utilisation)}
      </dd>
    </>
  );
}

function Memory(props: IProps<ISlice> & { used: number }): React.ReactElement {
  const { slice, used, format, trans } = props;
  if (slice.memory_mib === null) {
    return <>{trans.__('%1 GiB', format.gib(used))}</>;
  }
  const text = trans.__(
    '%1 of %2 GiB',
    format.gib(used),
    format.gib(slice.memory_mib)
  );
  return (
    <>
      {text}
      <div
        className="lw-Bar"
        role="meter"
        aria-label={trans.__('GPU memory in use')}
        aria-valuemin={0}
        aria-valuemax={slice.memory_mib}
        aria-valuenow={Math.min(used, slice.memory_mib)}
        aria-valuetext={text}
      >
        <span
          className="lw-mod-used"
          style={{
            width: `${Math.min(100, (100 * used) / slice.memory_mib)}%`
          }}
        />
      </div>
    </>
  );
}
