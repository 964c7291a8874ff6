import type { ICommandPalette } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { Actions } from './actions';
import { BRAND, CommandIDs } from './commands';
import type { IOverviewModel } from './tokens';

/** What the commands work with. */
export interface IChangesOptions {
  commands: CommandRegistry;
  palette: ICommandPalette | null;
  model: IOverviewModel;
  trans: TranslationBundle;
  /** What they do; loaded when Lab stands. */
  ready: Promise<Actions>;
}

/** Add the commands that change the session; a visitor leaves it as it is. */
export function addChanges(options: IChangesOptions): void {
  const { commands, palette, model, trans, ready } = options;
  const isEnabled = () =>
    model.state.status !== 'ready' || !model.state.overview.visited;
  commands.addCommand(CommandIDs.extend, {
    label: trans.__('Extend the Session'),
    caption: trans.__('Move the end of the session as far as it may go'),
    describedBy: { args: { type: 'object', properties: {} } },
    isEnabled,
    execute: async () => (await ready).change('extend')
  });
  commands.addCommand(CommandIDs.payWith, {
    label: trans.__('Let Another Budget Pay…'),
    caption: trans.__('Choose which budget pays for the session from now on'),
    describedBy: {
      args: { type: 'object', properties: { budget: { type: 'string' } } }
    },
    isEnabled,
    execute: async args =>
      typeof args.budget === 'string'
        ? (await ready).payWith(args.budget)
        : (await ready).payWithOther()
  });
  commands.addCommand(CommandIDs.askForMore, {
    label: trans.__('Ask for More GPU-Hours'),
    caption: trans.__('Ask those who decide about the budget for more of it'),
    describedBy: {
      args: { type: 'object', properties: { words: { type: 'string' } } }
    },
    isEnabled,
    execute: async args =>
      (await ready).askForMore(typeof args.words === 'string' ? args.words : '')
  });
  const changes = [
    CommandIDs.extend,
    CommandIDs.payWith,
    CommandIDs.askForMore
  ];
  for (const command of changes) {
    palette?.addItem({ command, category: BRAND });
  }
  let wasEnabled = isEnabled();
  model.changed.connect(() => {
    if (isEnabled() !== wasEnabled) {
      wasEnabled = isEnabled();
      changes.forEach(command => commands.notifyCommandChanged(command));
    }
  });
}
