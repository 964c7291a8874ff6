import {
  ILayoutRestorer,
  JupyterFrontEnd,
  JupyterFrontEndPlugin
} from '@jupyterlab/application';
import { ICommandPalette, Notification } from '@jupyterlab/apputils';
import { IConsoleTracker } from '@jupyterlab/console';
import { IDocumentManager } from '@jupyterlab/docmanager';
import { IEditorTracker } from '@jupyterlab/fileeditor';
import { INotebookTracker } from '@jupyterlab/notebook';
import { URLExt } from '@jupyterlab/coreutils';
import { IStateDB } from '@jupyterlab/statedb';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { requestMore, requestOverview } from './api';
import { addChanges } from './changes';
import { BRAND, CommandIDs, DOMAIN } from './commands';
import { CodeInserter } from './insert';
import { OverviewModel } from './model';
// The frame only: what it shows is loaded when it is first shown.
import { LabwerkPanel } from './panels/panel';
import { ICodeInserter, IOverviewModel } from './tokens';

const overview: JupyterFrontEndPlugin<IOverviewModel> = {
  id: 'labwerk-lab:overview',
  description:
    "Provides the person's session, budget and datasets, asked of this server.",
  autoStart: true,
  provides: IOverviewModel,
  activate: (app: JupyterFrontEnd): IOverviewModel =>
    new OverviewModel(change =>
      requestOverview(app.serviceManager.serverSettings, change)
    )
};

const inserter: JupyterFrontEndPlugin<ICodeInserter> = {
  id: 'labwerk-lab:inserter',
  description:
    'Provides the way dataset code gets into notebooks, consoles and editors.',
  autoStart: true,
  provides: ICodeInserter,
  optional: [INotebookTracker, IConsoleTracker, IEditorTracker],
  activate: (
    app: JupyterFrontEnd,
    notebooks: INotebookTracker | null,
    consoles: IConsoleTracker | null,
    editors: IEditorTracker | null
  ): ICodeInserter =>
    new CodeInserter({
      current: () => app.shell.currentWidget,
      commands: app.commands,
      notebooks,
      consoles,
      editors
    })
};

const panel: JupyterFrontEndPlugin<void> = {
  id: 'labwerk-lab:panel',
  description:
    'Adds the sidebar panel with the slice, the budget and the datasets.',
  autoStart: true,
  requires: [IOverviewModel, ICodeInserter],
  optional: [
    ITranslator,
    ILayoutRestorer,
    ICommandPalette,
    IStateDB,
    JupyterFrontEnd.IPaths
  ],
  activate: (
    app: JupyterFrontEnd,
    model: IOverviewModel,
    inserter: ICodeInserter,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    state: IStateDB | null,
    paths: JupyterFrontEnd.IPaths | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    const { hubHost, hubPrefix } = paths?.urls ?? {};
    const widget = new LabwerkPanel({
      model,
      inserter,
      trans,
      state,
      commands: app.commands,
      ask: (budget, words) =>
        requestMore(app.serviceManager.serverSettings, budget, words),
      usePage: hubPrefix
        ? (hubHost ?? '') + URLExt.join(hubPrefix, 'labwerk', 'use')
        : null
    });
    app.shell.add(widget, 'left', { rank: 150, type: BRAND });
    restorer?.add(widget, widget.id);

    app.commands.addCommand(CommandIDs.show, {
      label: trans.__('Show Labwerk'),
      caption: trans.__('Show the slice, the budget and the datasets'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => app.shell.activateById(widget.id)
    });
    app.commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Refresh Labwerk'),
      caption: trans.__('Ask for the slice, the budget and the datasets again'),
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => model.refresh()
    });
    for (const command of [CommandIDs.show, CommandIDs.refresh]) {
      palette?.addItem({ command, category: BRAND });
    }
  }
};

const notices: JupyterFrontEndPlugin<void> = {
  id: 'labwerk-lab:notices',
  description:
    "Tells about the session's end, budget, idleness and GPU, and saves documents first.",
  autoStart: true,
  requires: [IOverviewModel],
  optional: [ITranslator, IDocumentManager, ICommandPalette, IStateDB],
  activate: (
    app: JupyterFrontEnd,
    model: IOverviewModel,
    translator: ITranslator | null,
    documents: IDocumentManager | null,
    palette: ICommandPalette | null,
    state: IStateDB | null
  ): void => {
    const trans = (translator ?? nullTranslator).load(DOMAIN);
    // Loaded when Lab stands: its start does not wait for it.
    const ready = app.restored.then(async () => {
      const [{ Actions }, { Notifier }, { saveDocuments }, { Told }] =
        await Promise.all([
          import('./actions'),
          import('./notifier'),
          import('./save'),
          import('./told')
        ]);
      const manager = Notification.manager;
      const save = async () =>
        documents !== null && (await saveDocuments(app.shell, documents));
      const actions = new Actions({
        model,
        trans,
        manager,
        ask: (budget, words) =>
          requestMore(app.serviceManager.serverSettings, budget, words),
        choosePayer: async overview =>
          (await import('./panels/payers')).choosePayer(overview, trans),
        save
      });
      model.watch();
      new Notifier({
        model,
        trans,
        manager,
        actions,
        told: new Told(state),
        save,
        showPanel: () => void app.commands.execute(CommandIDs.show)
      });
      return actions;
    });
    addChanges({ commands: app.commands, palette, model, trans, ready });
  }
};

export { ICodeInserter, IOverviewModel } from './tokens';
export default [overview, inserter, panel, notices];
