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
  /** null for a simulated slice: there is nothing to measure. */
  use: ISliceUse | null;
  /** How many sessions may share it in time, this one included. */
  shared_by: number;
}

/** How busy a slice is; null where the hardware cannot say, which is not 0. */
export interface ISliceUse {
  memory_used_mib: number | null;
  processes: number | null;
  /** A share of one. */
  utilisation: number | null;
}

/** What an extension would give now: the new end, or why there is none. */
export interface IExtension {
  until: string | null;
  refusal: string | null;
}

/** Since when nothing runs, and what follows; all null while something does. */
export interface IIdle {
  since: string | null;
  stops_at: string | null;
  warning: boolean;
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
  /** The end that no extension goes beyond. */
  longest_ends_at: string;
  extension: IExtension;
  /** null where no idle rule applies. */
  idle: IIdle | null;
  /** What is wrong with the GPU, in the reader's language. */
  problem: string | null;
  /** How many people wait for a slice like this one. */
  waiting_behind: number;
}

export type BudgetKind = 'institution' | 'project' | 'course';

/** What a person has of one budget in one period. */
interface IBalance {
  /** What the service knows it by, such as `project/rotor`. */
  id: string;
  kind: BudgetKind;
  title: string;
  /** The institution that pays in the end. */
  institution: ITitled;
  /** `2026-11`, a term's name, or `outside` where there is no period now. */
  period: string;
  period_ends_at: string;
  granted_ticks: number;
  used_ticks: number;
  held_ticks: number;
  left_ticks: number;
}

/** A budget that may pay for the person's sessions. */
export interface IPayer extends IBalance {
  /** Whether sessions may run without budget while nobody waits. */
  over_use: boolean;
  /** Whether it pays now. */
  chosen: boolean;
}

/** A fifth or a tenth is left, minutes, or nothing: the last is the worst. */
export const WARNINGS = ['fifth', 'tenth', 'minutes', 'used-up'] as const;

export type Warning = (typeof WARNINGS)[number];

/** The budget that pays. */
export interface IBudget extends IBalance {
  /** What the budget has left for everybody. */
  budget_left_ticks: number;
  ticks_per_second: number;
  ticks_per_gpu_hour: number;
  /** How long what is held and left pays; null if nothing runs that costs. */
  lasts_seconds: number | null;
  /** Whether the session runs without budget. */
  over_use: boolean;
  warning: Warning | null;
  /** Until when the session goes on, once the budget is used up. */
  grace_ends_at: string | null;
}

/** A folder and how full it is. */
export interface IStorage {
  kind: 'home' | 'project';
  name: string;
  title: string;
  path: string;
  /** null where it cannot be measured. */
  used_bytes: number | null;
  /** null where there is no limit. */
  limit_bytes: number | null;
  /** Whether the file system refuses more, or the workbench only warns. */
  how: 'enforced' | 'measured';
  /** What is to be said of it, in the reader's language. */
  warning: string | null;
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
  /** The budgets that may pay, the one that does included. */
  payers: IPayer[];
  datasets: IDataset[];
  storage: IStorage[];
  /** Whether somebody else looks at the person's server; who does changes nothing. */
  visited?: boolean;
  /** Why the last session ended, if not by the person. */
  last_end: { ended_at: string; sentence: string } | null;
  served_at: string;
}

/** What a person can do to the running session from here. */
export type Change = 'extend' | 'still-working' | IPayWith;

/** Let the budget of this id pay from now on. */
export interface IPayWith {
  payer: string;
}

/** Characters that a request for more budget may have. */
export const LONGEST_WORDS = 500;

/** A request for more budget, as it stands. */
export interface IAsked {
  id: string;
  /** Who decides, by their names. */
  deciders: string[];
  /** Whether it was open already. */
  repeated: boolean;
}

/** Whether an answer has the parts that the panel shows. */
export function isOverview(value: unknown): value is IOverview {
  const parts = value as Partial<IOverview> | null;
  return (
    typeof parts === 'object' &&
    parts !== null &&
    typeof parts.served_at === 'string' &&
    typeof parts.budget?.left_ticks === 'number' &&
    (parts.session === null || isSession(parts.session)) &&
    Array.isArray(parts.payers) &&
    Array.isArray(parts.datasets) &&
    Array.isArray(parts.storage)
  );
}

function isSession(value: unknown): value is ISession {
  const parts = value as Partial<ISession> | null | undefined;
  return typeof parts?.ends_at === 'string' && Boolean(parts.extension);
}

/** Whether an answer tells what became of a request. */
export function isAsked(value: unknown): value is IAsked {
  const parts = value as Partial<IAsked> | null;
  return typeof parts?.id === 'string' && Array.isArray(parts.deciders);
}
