import { LIBRARIES, Library, snippet } from '../snippets';
import { aDataset } from './example';

const FILE = 'scada.parquet';

describe('code that opens a dataset', () => {
  it('asks Labwerk for it by name', () => {
    expect(snippet(aDataset(), FILE, 'labwerk')).toBe(
      'import labwerk\n\nwindpark = labwerk.open("iwe/windpark")\nwindpark'
    );
  });

  it('names the file where there are several', () => {
    const files = ['a.csv', 'b.csv'].map(name => ({
      name,
      format: 'csv',
      bytes: 1
    }));
    expect(snippet(aDataset({ files }), 'b.csv', 'labwerk')).toContain(
      'labwerk.open("iwe/windpark", file="b.csv")'
    );
    expect(snippet(aDataset({ files }), 'b.csv', 'pandas')).toContain(
      'pd.read_csv("/data/iwe/windpark/2015.1/b.csv")'
    );
  });

  it('reads the file itself with each other library', () => {
    const readers: [Library, string][] = [
      ['polars', 'pl.scan_parquet'],
      ['pandas', 'pd.read_parquet'],
      ['duckdb', 'duckdb.read_parquet'],
      ['cudf', 'cudf.read_parquet']
    ];
    for (const [library, reader] of readers) {
      expect(snippet(aDataset(), FILE, library)).toContain(
        `windpark = ${reader}("/data/iwe/windpark/2015.1/scada.parquet")`
      );
    }
  });

  it('leaves a format that is no table to labwerk.open', () => {
    const files = [{ name: 'mesh.vtu', format: 'vtu', bytes: 1 }];
    expect(snippet(aDataset({ files }), 'mesh.vtu', 'pandas')).toContain(
      'labwerk.open'
    );
  });

  it('uses a name that Python accepts', () => {
    for (const [name, variable] of [
      ['wind-park.2', 'wind_park_2'],
      ['2015', 'data_2015']
    ]) {
      expect(snippet(aDataset({ name }), FILE, 'labwerk')).toContain(
        `\n${variable} = `
      );
    }
  });

  it('is there for every library that is offered', () => {
    for (const library of LIBRARIES.keys()) {
      expect(snippet(aDataset(), FILE, library)).toMatch(/^import \w+/);
    }
  });
});
