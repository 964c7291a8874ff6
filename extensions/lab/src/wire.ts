/**
 * What the hub service says about a person's workbench, as it travels.
 *
 * The names are the service's own; amounts are ticks (one second of 1/24 of a
 * GPU) and instants are ISO 8601 in UTC.
 */

export interface ITitled {
  name: string;
  title: string;
}

export interface IPerson {
  name: string;
  display_name: string;
  institution: ITitled;
  language: string;
}

export interface ISlice {
  label: string;
  gpu: string;
  model: string;
  profile: string;
  units: number;
  units_total: number;
  /** null where the memory is not known. */
  memory_mib: number | null;
  simulated: boolean;
}

export interface ISession {
  id: string;
  flavour: ITitled;
  image: ITitled;
  slice: ISlice | null;
  cpus: number;
  memory_gib: number;
  started_at: string;
  ends_at: string;
}

export interface IBudget {
  title: string;
  period: string;
  period_ends_at: string;
  granted_ticks: number;
  used_ticks: number;
  held_ticks: number;
  left_ticks: number;
  ticks_per_second: number;
  ticks_per_gpu_hour: number;
  lasts_seconds: number | null;
}

export interface IDatasetFile {
  name: string;
  format: string;
  bytes: number;
}

export type Nature = 'measured' | 'simulated' | 'synthetic' | 'profiles';

export interface IDataset {
  id: string;
  institution: ITitled;
  name: string;
  title: string;
  description: string;
  version: string;
  nature: Nature;
  publisher: string;
  origin: string;
  licence: { spdx: string; title: string };
  steward: string;
  path: string;
  files: IDatasetFile[];
}

export interface IOverview {
  person: IPerson;
  session: ISession | null;
  budget: IBudget;
  datasets: IDataset[];
  served_at: string;
}

/** Whether an answer has the parts that the panel shows. */
export function isOverview(value: unknown): value is IOverview {
  const parts = value as Partial<IOverview> | null;
  return (
    typeof parts === 'object' &&
    parts !== null &&
    typeof parts.served_at === 'string' &&
    typeof parts.budget?.left_ticks === 'number' &&
    parts.session !== undefined &&
    Array.isArray(parts.datasets)
  );
}
