import type { IDataset, IOverview } from '../wire';

/** A dataset as the service describes one, with the given differences. */
export function aDataset(differences: Partial<IDataset> = {}): IDataset {
  return {
    id: 'iwe/windpark',
    institution: { name: 'iwe', title: 'Institute for Wind Energy' },
    name: 'windpark',
    title: 'La Haute Borne wind farm',
    description: 'Ten-minute means of four turbines.',
    version: '2015.1',
    nature: 'measured',
    publisher: 'ENGIE',
    origin: 'openoa',
    licence: { spdx: 'etalab-2.0', title: 'Licence Ouverte 2.0' },
    steward: 'mira.conti@iwe.example',
    path: '/data/iwe/windpark/2015.1',
    files: [{ name: 'scada.parquet', format: 'parquet', bytes: 7390399 }],
    ...differences
  };
}

/** An overview as the service gives it, with the given differences. */
export function anOverview(differences: Partial<IOverview> = {}): IOverview {
  return {
    person: {
      name: 'thr--anna-mueller',
      display_name: 'Anna Müller',
      institution: { name: 'thr', title: 'Rhine Technical University' },
      language: 'de'
    },
    session: null,
    budget: {
      title: 'Rhine Technical University',
      period: '2026-11',
      period_ends_at: '2026-11-30T23:00:00Z',
      granted_ticks: 5184000,
      used_ticks: 86400,
      held_ticks: 43200,
      left_ticks: 5054400,
      ticks_per_second: 3,
      ticks_per_gpu_hour: 86400,
      lasts_seconds: 1684800
    },
    datasets: [aDataset()],
    served_at: '2026-11-21T22:00:00Z',
    ...differences
  };
}
