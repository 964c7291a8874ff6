import type {
  IBudget,
  IDataset,
  IOverview,
  IPayer,
  ISession,
  ISlice
} from '../wire';

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
    budget: aBudget(),
    payers: [aPayer()],
    datasets: [aDataset()],
    storage: [],
    last_end: null,
    served_at: '2026-11-21T22:00:00Z',
    ...differences
  };
}

/** The institution's budget, which pays, with the given differences. */
export function aBudget(differences: Partial<IBudget> = {}): IBudget {
  return {
    id: 'institution/thr',
    kind: 'institution',
    title: 'Rhine Technical University',
    institution: { name: 'thr', title: 'Rhine Technical University' },
    period: '2026-11',
    period_ends_at: '2026-11-30T23:00:00Z',
    granted_ticks: 5184000,
    used_ticks: 86400,
    held_ticks: 43200,
    left_ticks: 5054400,
    budget_left_ticks: 86400000,
    ticks_per_second: 3,
    ticks_per_gpu_hour: 86400,
    lasts_seconds: 1684800,
    over_use: false,
    warning: null,
    grace_ends_at: null,
    ...differences
  };
}

/** The same budget as one that may pay, with the given differences. */
export function aPayer(differences: Partial<IPayer> = {}): IPayer {
  return {
    id: 'institution/thr',
    kind: 'institution',
    title: 'Rhine Technical University',
    institution: { name: 'thr', title: 'Rhine Technical University' },
    period: '2026-11',
    period_ends_at: '2026-11-30T23:00:00Z',
    granted_ticks: 5184000,
    used_ticks: 86400,
    held_ticks: 43200,
    left_ticks: 5054400,
    over_use: false,
    chosen: true,
    ...differences
  };
}

/** A project's budget of 10 GPU-hours that may pay, and does not. */
export function aProject(differences: Partial<IPayer> = {}): IPayer {
  return aPayer({
    id: 'project/rotor',
    kind: 'project',
    title: 'Rotor blades',
    granted_ticks: 864000,
    used_ticks: 0,
    held_ticks: 0,
    left_ticks: 864000,
    chosen: false,
    ...differences
  });
}

/** A session on a real slice, an hour from its end at 23:00, with the given differences. */
export function aSession(differences: Partial<ISession> = {}): ISession {
  return {
    id: 'lw-0123456789ab',
    flavour: { name: 'small', title: 'Small GPU slice' },
    image: { name: 'base', title: 'Data and plots' },
    slice: aSlice(),
    cpus: 1,
    memory_gib: 3,
    started_at: '2026-11-21T19:00:00Z',
    ends_at: '2026-11-21T23:00:00Z',
    longest_ends_at: '2026-11-22T03:00:00Z',
    extension: { until: '2026-11-22T03:00:00Z', refusal: null },
    idle: { since: null, stops_at: null, warning: false },
    problem: null,
    waiting_behind: 0,
    ...differences
  };
}

/** A slice of a real GPU, partly used, with the given differences. */
export function aSlice(differences: Partial<ISlice> = {}): ISlice {
  return {
    label: '1g.10gb · H100-80GB',
    gpu: 'gpu0',
    model: 'H100-80GB',
    profile: '1g.10gb',
    units: 1,
    units_total: 8,
    memory_mib: 9984,
    simulated: false,
    use: { memory_used_mib: 2496, processes: 2, utilisation: 0.45 },
    shared_by: 1,
    ...differences
  };
}
