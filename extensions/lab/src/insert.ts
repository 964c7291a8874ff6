import type { IConsoleTracker } from '@jupyterlab/console';
import type { IEditorTracker } from '@jupyterlab/fileeditor';
import {
  type INotebookTracker,
  NotebookActions,
  type NotebookPanel
} from '@jupyterlab/notebook';
import type { CommandRegistry } from '@lumino/commands';
import type { Widget } from '@lumino/widgets';
import { Library, snippet } from './snippets';
import { ICodeInserter, IInsertion } from './tokens';
import type { IDataset } from './wire';

/** Lab's parts that code can go to; any may be missing in a smaller app. */
export interface ITargets {
  /** The tab in front, or null. */
  current(): Widget | null;
  commands: CommandRegistry;
  notebooks: INotebookTracker | null;
  consoles: IConsoleTracker | null;
  editors: IEditorTracker | null;
}

/**
 * Puts code into what is in front, and takes the person there.
 *
 * Only the tab in front counts: code that lands in a hidden notebook is code
 * that somebody looks for.
 */
export class CodeInserter implements ICodeInserter {
  constructor(private readonly _targets: ITargets) {}

  async insert(
    dataset: IDataset,
    file: string,
    library: Library
  ): Promise<IInsertion | null> {
    const { notebooks, consoles, editors } = this._targets;
    const current = this._targets.current();
    const code = snippet(dataset, file, library);
    if (current === null) {
      return null;
    }
    if (notebooks?.has(current)) {
      return this._toNotebook(current as NotebookPanel, code);
    }
    const panel = consoles?.find(candidate => candidate === current);
    if (panel) {
      panel.console.replaceSelection(code);
      panel.activate();
      return { kind: 'console', name: panel.title.label };
    }
    const document = editors?.find(candidate => candidate === current);
    const editor = document?.content.editor;
    if (document && editor?.replaceSelection) {
      editor.replaceSelection(`${code}\n`);
      document.activate();
      return { kind: 'editor', name: document.title.label };
    }
    return null;
  }

  async insertIntoNew(
    dataset: IDataset,
    file: string,
    library: Library
  ): Promise<IInsertion> {
    const panel: NotebookPanel = await this._targets.commands.execute(
      'notebook:create-new',
      { activate: true, kernelName: 'python3' }
    );
    await panel.context.ready;
    return this._toNotebook(panel, snippet(dataset, file, library));
  }

  /** Into the active cell if it is code and empty, else into a new one below. */
  private async _toNotebook(
    panel: NotebookPanel,
    code: string
  ): Promise<IInsertion> {
    await panel.revealed;
    const notebook = panel.content;
    const model = notebook.activeCell?.model;
    if (model?.type !== 'code' || model.sharedModel.getSource().trim() !== '') {
      NotebookActions.insertBelow(notebook);
    }
    notebook.activeCell?.model.sharedModel.setSource(code);
    notebook.mode = 'command';
    panel.activate();
    return { kind: 'notebook', name: panel.title.label };
  }
}
