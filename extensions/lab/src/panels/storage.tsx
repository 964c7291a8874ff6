import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import type { Formatter } from '../format';
import type { IStorage } from '../wire';

interface IProps {
  storage: readonly IStorage[];
  format: Formatter;
  trans: TranslationBundle;
}

/** How full the person's home and projects are; nothing where that is not known. */
export function StorageSection(props: IProps): React.ReactElement | null {
  const { storage, format, trans } = props;
  if (storage.length === 0) {
    return null;
  }
  return (
    <section className="lw-Section" aria-labelledby="lw-storage">
      <h3 id="lw-storage">{trans.__('Disk space')}</h3>
      <ul className="lw-Storage">
        {storage.map(folder => (
          <li key={folder.path}>
            <FolderItem folder={folder} format={format} trans={trans} />
          </li>
        ))}
      </ul>
    </section>
  );
}

function FolderItem(props: {
  folder: IStorage;
  format: Formatter;
  trans: TranslationBundle;
}): React.ReactElement {
  const { folder, format, trans } = props;
  const { used_bytes: used, limit_bytes: limit } = folder;
  const title = folder.kind === 'home' ? trans.__('Home') : folder.title;
  const text = fullnessText(folder, format, trans);
  return (
    <>
      <div className="lw-Folder">
        <span title={folder.path}>{title}</span>
        <span>{text}</span>
      </div>
      {used !== null && limit !== null && (
        <div
          className={
            folder.warning === null ? 'lw-Bar' : 'lw-Bar lw-mod-little'
          }
          role="meter"
          aria-label={title}
          aria-valuemin={0}
          aria-valuemax={limit}
          aria-valuenow={Math.min(used, limit)}
          aria-valuetext={text}
        >
          <span
            className="lw-mod-used"
            style={{ width: `${Math.min(100, (100 * used) / limit)}%` }}
          />
        </div>
      )}
      {folder.warning !== null && (
        <p className="lw-Notice lw-mod-warn">{folder.warning}</p>
      )}
      {limit !== null && folder.how === 'measured' && (
        <p className="lw-Quiet">
          {trans.__('Nothing stops you at the limit: please keep to it.')}
        </p>
      )}
    </>
  );
}

function fullnessText(
  folder: IStorage,
  format: Formatter,
  trans: TranslationBundle
): string {
  const { used_bytes: used, limit_bytes: limit } = folder;
  if (used === null) {
    return trans.__('not measurable');
  }
  return limit === null
    ? format.folderSize(used, trans)
    : trans.__(
        '%1 of %2',
        format.folderSize(used, trans),
        format.folderSize(limit, trans)
      );
}
