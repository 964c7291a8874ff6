import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';
import { Formatter, natureText, totalBytes } from '../format';
import type { IDataset } from '../wire';

interface IProps {
  dataset: IDataset;
  format: Formatter;
  trans: TranslationBundle;
  /** Insert the code that opens this file. */
  insert: (file: string) => void;
  /** What is to be said about the last insertion. */
  children?: React.ReactNode;
}

/** One dataset: what it is, whose, under which licence, and code to open it. */
export function DatasetItem(props: IProps): React.ReactElement {
  const { dataset, format, trans, insert } = props;
  const invented =
    dataset.nature === 'simulated' || dataset.nature === 'synthetic';
  return (
    <article className="lw-Dataset">
      <h4>{dataset.title}</h4>
      <p className="lw-Quiet">{dataset.institution.title}</p>
      <p className="lw-Quiet">
        <span className={invented ? 'lw-Badge lw-mod-warn' : 'lw-Badge'}>
          {natureText(dataset.nature, trans)}
        </span>{' '}
        {dataset.licence.title} · {format.bytes(totalBytes(dataset.files))}
      </p>
      {dataset.files.length === 1 && (
        <InsertButton
          label={dataset.title}
          trans={trans}
          insert={() => insert(dataset.files[0].name)}
        />
      )}
      {props.children}
      <details>
        <summary>{trans.__('Details')}</summary>
        <Details {...props} />
      </details>
    </article>
  );
}

function Details(props: IProps): React.ReactElement {
  const { dataset, format, trans, insert } = props;
  return (
    <>
      <p>{dataset.description}</p>
      <dl className="lw-Facts">
        <dt>{trans.__('Name')}</dt>
        <dd>
          <code>{dataset.id}</code>
        </dd>
        <dt>{trans.__('Version')}</dt>
        <dd>{dataset.version}</dd>
        <dt>{trans.__('Published by')}</dt>
        <dd>{dataset.publisher}</dd>
        <dt>{trans.__('Origin')}</dt>
        <dd>{dataset.origin}</dd>
        <dt>{trans.__('Licence')}</dt>
        <dd>
          {dataset.licence.title} ({dataset.licence.spdx})
        </dd>
        <dt>{trans.__('Steward')}</dt>
        <dd>
          <a href={`mailto:${dataset.steward}`}>{dataset.steward}</a>
        </dd>
        <dt>{trans.__('Path')}</dt>
        <dd>
          <code>{dataset.path}</code>
          <CopyButton path={dataset.path} trans={trans} />
        </dd>
      </dl>
      <h5>{trans._n('File', 'Files', dataset.files.length)}</h5>
      <ul className="lw-Files">
        {dataset.files.map(file => (
          <li key={file.name}>
            <span>
              {file.name}{' '}
              <span className="lw-Quiet">{format.bytes(file.bytes)}</span>
            </span>
            {dataset.files.length > 1 && (
              <InsertButton
                label={file.name}
                trans={trans}
                insert={() => insert(file.name)}
              />
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function InsertButton(props: {
  /** What is opened; many buttons share their words, so it is in their name. */
  label: string;
  trans: TranslationBundle;
  insert: () => void;
}): React.ReactElement {
  const text = props.trans.__('Insert code');
  return (
    <button
      type="button"
      className="lw-Button"
      aria-label={`${text}: ${props.label}`}
      onClick={props.insert}
    >
      {text}
    </button>
  );
}

function CopyButton(props: {
  path: string;
  trans: TranslationBundle;
}): React.ReactElement {
  const text = props.trans.__('Copy the path');
  return (
    <button
      type="button"
      className="lw-IconButton"
      title={text}
      aria-label={text}
      onClick={() => Clipboard.copyToSystem(props.path)}
    >
      <copyIcon.react tag={null} />
    </button>
  );
}
