import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { OverviewError } from '../api';
import type { Formatter } from '../format';
import { problemText } from '../problems';

interface IProps {
  problem: OverviewError;
  /** When the figures still shown came, or null if there are none. */
  since: number | null;
  format: Formatter;
  trans: TranslationBundle;
  retry: () => void;
}

/** What went wrong, what still works, and what to do. */
export function ProblemNotice(props: IProps): React.ReactElement {
  const { problem, since, format, trans, retry } = props;
  const when =
    since === null
      ? null
      : format.instant(new Date(since).toISOString(), Date.now());
  return (
    <div className="lw-Notice lw-mod-warn" role="alert">
      <p>{problemText(problem, trans)}</p>
      {when !== null && (
        <p>{trans.__('What is shown here is from %1.', when)}</p>
      )}
      <button type="button" className="lw-Button" onClick={retry}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
