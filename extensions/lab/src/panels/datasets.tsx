import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { Formatter, matching } from '../format';
import { isLibrary, LIBRARIES, Library } from '../snippets';
import type { ICodeInserter, IInsertion } from '../tokens';
import type { IDataset } from '../wire';
import { DatasetItem } from './dataset';

/** From this many datasets on there is a filter. */
const MANY = 6;
/** Where the chosen library is kept in Lab's state. */
const LIBRARY_KEY = 'labwerk-lab:library';

interface IProps {
  datasets: readonly IDataset[];
  inserter: ICodeInserter;
  format: Formatter;
  trans: TranslationBundle;
  state: IStateDB | null;
}

/** Which file's code was asked for, while there is nowhere to put it. */
interface IWaiting {
  dataset: IDataset;
  file: string;
}

/** The datasets that this session can read, and code to open them. */
export function DatasetsSection(props: IProps): React.ReactElement {
  const { datasets, inserter, format, trans, state } = props;
  const [library, setLibrary] = useLibrary(state);
  const [query, setQuery] = React.useState('');
  const [done, setDone] = React.useState('');
  const [waiting, setWaiting] = React.useState<IWaiting | null>(null);

  const report = (insertion: IInsertion) => {
    setWaiting(null);
    setDone(insertedText(insertion, trans));
  };
  const insert = async (dataset: IDataset, file: string) => {
    const insertion = await inserter.insert(dataset, file, library);
    if (insertion === null) {
      setDone('');
      setWaiting({ dataset, file });
    } else {
      report(insertion);
    }
  };
  const insertIntoNew = async ({ dataset, file }: IWaiting) =>
    report(await inserter.insertIntoNew(dataset, file, library));

  const shown = matching(datasets, query);
  return (
    <section className="lw-Section" aria-labelledby="lw-datasets">
      <h3 id="lw-datasets">{trans.__('Datasets')}</h3>
      {datasets.length === 0 ? (
        <p className="lw-Quiet">
          {trans.__(
            'No dataset is shared with your institution yet. A steward of your institution can say which are planned.'
          )}
        </p>
      ) : (
        <LibraryChoice library={library} choose={setLibrary} trans={trans} />
      )}
      {datasets.length >= MANY && (
        <Filter query={query} change={setQuery} trans={trans} />
      )}
      <p className="lw-Done" role="status">
        {done}
      </p>
      <ul className="lw-Datasets">
        {shown.map(dataset => (
          <li key={`${dataset.id}/${dataset.version}`}>
            <DatasetItem
              dataset={dataset}
              format={format}
              trans={trans}
              insert={file => void insert(dataset, file)}
            >
              {waiting?.dataset.id === dataset.id && (
                <NowhereNotice
                  trans={trans}
                  create={() => void insertIntoNew(waiting)}
                  dismiss={() => setWaiting(null)}
                />
              )}
            </DatasetItem>
          </li>
        ))}
      </ul>
      {datasets.length > 0 && shown.length === 0 && (
        <p className="lw-Quiet" role="status">
          {trans.__('No dataset matches “%1”.', query)}
        </p>
      )}
    </section>
  );
}

function LibraryChoice(props: {
  library: Library;
  choose: (library: Library) => void;
  trans: TranslationBundle;
}): React.ReactElement {
  const { library, choose, trans } = props;
  return (
    <label className="lw-Field">
      {trans.__('Code with')}
      <select
        value={library}
        onChange={event => choose(event.target.value as Library)}
      >
        {[...LIBRARIES].map(([key, name]) => (
          <option key={key} value={key}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

function Filter(props: {
  query: string;
  change: (query: string) => void;
  trans: TranslationBundle;
}): React.ReactElement {
  const { query, change, trans } = props;
  return (
    <label className="lw-Field">
      {trans.__('Filter')}
      <input
        type="search"
        value={query}
        placeholder={trans.__('title, institution, licence…')}
        onChange={event => change(event.target.value)}
      />
    </label>
  );
}

/** Nothing in front takes code: say so, and offer what does. */
function NowhereNotice(props: {
  trans: TranslationBundle;
  create: () => void;
  dismiss: () => void;
}): React.ReactElement {
  const { trans, create, dismiss } = props;
  return (
    <div className="lw-Notice" role="alert">
      <p>
        {trans.__(
          'No notebook, console or text editor is in front. Open one and press “Insert code” again, or begin a new notebook.'
        )}
      </p>
      <button type="button" className="lw-Button" onClick={create}>
        {trans.__('New notebook')}
      </button>
      <button type="button" className="lw-Button" onClick={dismiss}>
        {trans.__('Close')}
      </button>
    </div>
  );
}

function insertedText(insertion: IInsertion, trans: TranslationBundle): string {
  switch (insertion.kind) {
    case 'notebook':
      return trans.__('Code is in a cell of %1.', insertion.name);
    case 'console':
      return trans.__('Code is at the prompt of %1.', insertion.name);
    case 'editor':
      return trans.__('Code is at the cursor in %1.', insertion.name);
  }
}

/** The library the person chose last, kept in Lab's state. */
function useLibrary(
  state: IStateDB | null
): [Library, (library: Library) => void] {
  const [library, setLibrary] = React.useState<Library>('labwerk');
  React.useEffect(() => {
    let gone = false;
    void state?.fetch(LIBRARY_KEY).then(kept => {
      if (!gone && isLibrary(kept)) {
        setLibrary(kept);
      }
    });
    return () => {
      gone = true;
    };
  }, [state]);
  const choose = (chosen: Library) => {
    setLibrary(chosen);
    void state?.save(LIBRARY_KEY, chosen);
  };
  return [library, choose];
}
