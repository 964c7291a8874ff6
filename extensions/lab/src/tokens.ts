import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { OverviewError } from './api';
import type { Change, IDataset, IOverview } from './wire';
import type { Library } from './snippets';

/** What is known about the person's workbench at this moment. */
export type OverviewState =
  | { status: 'loading' }
  | { status: 'failed'; problem: OverviewError }
  | {
      status: 'ready';
      overview: IOverview;
      /** When the overview came, in milliseconds of this browser's clock. */
      receivedAt: number;
      /** Why the overview is not fresh, if the last request failed. */
      problem: OverviewError | null;
    };

/** The person's session, budget and datasets, kept fresh while watched. */
export interface IOverviewModel {
  readonly state: OverviewState;
  /** Emitted after the state or the time has changed. */
  readonly changed: ISignal<IOverviewModel, void>;
  /** The service's time in milliseconds, so that a wrong clock here is no harm. */
  now(): number;
  /** Ask again at once, if anybody watches; who begins to watch gets news anyway. */
  refresh(): Promise<void>;
  /**
   * Change the session; the state is then the answer.
   *
   * @returns the overview after the change.
   * @throws OverviewError with the service's code and sentence if it refuses.
   */
  change(change: Change): Promise<IOverview>;
  /** Keep the state fresh until the returned handle is disposed. */
  watch(): IDisposable;
}

export const IOverviewModel = new Token<IOverviewModel>(
  'labwerk-lab:IOverviewModel',
  "The person's session, budget and datasets in Labwerk."
);

/** Where code went. */
export interface IInsertion {
  kind: 'notebook' | 'console' | 'editor';
  /** What the tab is called. */
  name: string;
}

/** Puts the code that opens a dataset where the person is working. */
export interface ICodeInserter {
  /** @returns where it went, or null if nothing that takes code is in front. */
  insert(
    dataset: IDataset,
    file: string,
    library: Library
  ): Promise<IInsertion | null>;
  /** Open a new notebook that begins with the code. */
  insertIntoNew(
    dataset: IDataset,
    file: string,
    library: Library
  ): Promise<IInsertion>;
}

export const ICodeInserter = new Token<ICodeInserter>(
  'labwerk-lab:ICodeInserter',
  'Puts the code that opens a dataset into the notebook, console or editor in front.'
);
