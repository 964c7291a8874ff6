import type { IStateDB } from '@jupyterlab/statedb';
import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import type { CommandRegistry } from '@lumino/commands';
import * as React from 'react';
import { BRAND, CommandIDs } from '../commands';
import { Formatter } from '../format';
import type { ICodeInserter, IOverviewModel } from '../tokens';
import type { IAsked } from '../wire';
import { BudgetSection } from './budget';
import { DatasetsSection } from './datasets';
import { ProblemNotice } from './notice';
import { SessionSection } from './session';
import { StorageSection } from './storage';

/** What the panel and its sections work with. */
export interface IPanelOptions {
  model: IOverviewModel;
  inserter: ICodeInserter;
  trans: TranslationBundle;
  /** Where the chosen library is remembered; without it, until a reload. */
  state: IStateDB | null;
  commands: CommandRegistry;
  /** Asks whoever decides for more of a budget. */
  ask: (budget: string, words: string) => Promise<IAsked>;
  /** The page on which the person sees what they used; null outside a hub. */
  usePage: string | null;
}

/** All of the panel as the model is now. */
export default function Content(props: IPanelOptions): React.ReactElement {
  const { model, trans } = props;
  const format = Formatter.ofPage();
  const state = model.state;
  const refresh = () => void model.refresh();
  return (
    <>
      <header className="lw-Panel-header">
        <h2>{BRAND}</h2>
        <button
          type="button"
          className="lw-IconButton"
          title={trans.__('Refresh')}
          aria-label={trans.__('Refresh')}
          onClick={refresh}
        >
          <refreshIcon.react tag={null} />
        </button>
      </header>
      {state.status === 'loading' && (
        <p className="lw-Quiet" role="status">
          {trans.__('Asking the workbench…')}
        </p>
      )}
      {state.status !== 'loading' && state.problem && (
        <ProblemNotice
          problem={state.problem}
          since={state.status === 'ready' ? state.receivedAt : null}
          format={format}
          trans={trans}
          retry={refresh}
        />
      )}
      {state.status === 'ready' && (
        <>
          <SessionSection
            overview={state.overview}
            change={change => model.change(change)}
            now={model.now()}
            format={format}
            trans={trans}
            stop={stopper(props.commands)}
          />
          <BudgetSection
            overview={state.overview}
            ask={props.ask}
            payWithOther={() => void props.commands.execute(CommandIDs.payWith)}
            payWith={budget =>
              void props.commands.execute(CommandIDs.payWith, { budget })
            }
            usePage={props.usePage}
            now={model.now()}
            format={format}
            trans={trans}
          />
          <StorageSection
            storage={state.overview.storage}
            format={format}
            trans={trans}
          />
          <DatasetsSection
            datasets={state.overview.datasets}
            inserter={props.inserter}
            format={format}
            trans={trans}
            state={props.state}
          />
        </>
      )}
    </>
  );
}

/** How to stop the session from here, or null outside a hub. */
function stopper(commands: CommandRegistry): (() => void) | null {
  return commands.hasCommand(CommandIDs.controlPanel)
    ? () => void commands.execute(CommandIDs.controlPanel)
    : null;
}
