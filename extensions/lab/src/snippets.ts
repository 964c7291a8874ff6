import type { IDataset, IDatasetFile } from './wire';

/** The ways to open a dataset that the panel offers. */
export type Library = 'labwerk' | 'polars' | 'pandas' | 'duckdb' | 'cudf';

/** What each way is called where people choose it; names, so not translated. */
export const LIBRARIES: ReadonlyMap<Library, string> = new Map([
  ['labwerk', 'labwerk.open'],
  ['polars', 'Polars'],
  ['pandas', 'pandas'],
  ['duckdb', 'DuckDB'],
  ['cudf', 'cuDF']
]);

export function isLibrary(value: unknown): value is Library {
  return LIBRARIES.has(value as Library);
}

/**
 * The Python code that opens one file of a dataset.
 *
 * A format that the library does not read is opened with `labwerk.open`, which
 * says what it can read.
 */
export function snippet(
  dataset: IDataset,
  file: string,
  library: Library
): string {
  const name = variableName(dataset.name);
  const found = dataset.files.find(candidate => candidate.name === file);
  const path = JSON.stringify(`${dataset.path}/${file}`);
  if (library === 'labwerk' || !isTable(found)) {
    const which =
      dataset.files.length > 1 ? `, file=${JSON.stringify(file)}` : '';
    const id = JSON.stringify(dataset.id);
    return lines(
      'import labwerk',
      `${name} = labwerk.open(${id}${which})`,
      name
    );
  }
  const format = found.format;
  switch (library) {
    case 'polars':
      return lines(
        'import polars as pl',
        `${name} = pl.scan_${format}(${path})`,
        `${name}.head().collect()`
      );
    case 'pandas':
      return lines(
        'import pandas as pd',
        `${name} = pd.read_${format}(${path})`,
        `${name}.head()`
      );
    case 'duckdb':
      return lines(
        'import duckdb',
        `${name} = duckdb.read_${format}(${path})`,
        `${name}.limit(5)`
      );
    case 'cudf':
      return lines(
        'import cudf',
        `${name} = cudf.read_${format}(${path})`,
        `${name}.head()`
      );
  }
}

function isTable(file: IDatasetFile | undefined): file is IDatasetFile {
  return file !== undefined && ['parquet', 'csv'].includes(file.format);
}

function lines(load: string, assign: string, show: string): string {
  return `${load}\n\n${assign}\n${show}`;
}

/** A Python name for a dataset: `wind-park 2` becomes `wind_park_2`. */
function variableName(name: string): string {
  const word = name.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(word) ? word : `data_${word}`;
}
