import type { NotificationManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { otherPayers } from './budgets';
import { Formatter } from './format';
import { askedText, problemText } from './problems';
import type { IOverviewModel } from './tokens';
import type { IAsked, IOverview } from './wire';

/** Milliseconds for which a confirmation is shown. */
const CONFIRMATION = 8_000;

/** What actions work with. */
export interface IActionsOptions {
  model: IOverviewModel;
  trans: TranslationBundle;
  /** Lab's notifications. */
  manager: NotificationManager;
  /** Asks whoever decides for more of a budget, with words that may be empty. */
  ask: (budget: string, words: string) => Promise<IAsked>;
  /** Lets the person choose a budget; its id, or null for none. */
  choosePayer: (overview: IOverview) => Promise<string | null>;
  /** Saves all open documents; says whether that worked. */
  save: () => Promise<boolean>;
}

/** What a person can do from anywhere in Lab; how it went is told in a notification. */
export class Actions {
  constructor(private readonly _options: IActionsOptions) {}

  /** Extend the session, or say that it is in use. */
  async change(change: 'extend' | 'still-working'): Promise<void> {
    const { model, trans } = this._options;
    await this._do(async () => {
      const { session } = await model.change(change);
      const until =
        session && Formatter.ofPage().instant(session.ends_at, model.now());
      return change === 'extend' && until
        ? trans.__('Your session now ends at %1.', until)
        : trans.__('Noted: your session goes on.');
    });
  }

  /** Let a budget pay that the person chooses. */
  async payWithOther(): Promise<void> {
    const { choosePayer, manager, trans } = this._options;
    const overview = this._overview();
    if (overview === null) {
      return;
    }
    if (otherPayers(overview).length === 0) {
      manager.notify(
        trans.__('There is no other budget that may pay for you.'),
        'info',
        { autoClose: CONFIRMATION }
      );
      return;
    }
    const payer = await choosePayer(overview);
    if (payer !== null) {
      await this.payWith(payer);
    }
  }

  /** Let the budget of this id pay. */
  async payWith(payer: string): Promise<void> {
    const { model, trans } = this._options;
    await this._do(async () => {
      const { budget, session } = await model.change({ payer });
      const until =
        session && Formatter.ofPage().instant(session.ends_at, model.now());
      return until
        ? trans.__(
            'Your session now ends at %1. “%2” pays.',
            until,
            budget.title
          )
        : trans.__('“%1” pays.', budget.title);
    });
  }

  /** Ask for more of the budget that pays. */
  async askForMore(words: string): Promise<void> {
    const { ask, trans } = this._options;
    const overview = this._overview();
    if (overview !== null) {
      await this._do(async () =>
        askedText(await ask(overview.budget.id, words), trans)
      );
    }
  }

  /** Save all open documents. */
  async saveAll(): Promise<void> {
    const { save, manager, trans } = this._options;
    const isSaved = await save().catch(() => false);
    manager.notify(savedText(isSaved, trans), isSaved ? 'success' : 'error', {
      autoClose: isSaved ? CONFIRMATION : false
    });
  }

  private async _do(act: () => Promise<string>): Promise<void> {
    const { manager, trans } = this._options;
    try {
      manager.notify(await act(), 'success', { autoClose: CONFIRMATION });
    } catch (reason) {
      manager.notify(problemText(reason, trans), 'error', { autoClose: false });
    }
  }

  /** What is known now; that nothing is yet, and why, is said. */
  private _overview(): IOverview | null {
    const { manager, model, trans } = this._options;
    const { state } = model;
    switch (state.status) {
      case 'ready':
        return state.overview;
      case 'failed':
        manager.notify(problemText(state.problem, trans), 'error', {
          autoClose: false
        });
        return null;
      case 'loading':
        manager.notify(trans.__('Asking the workbench…'), 'info', {
          autoClose: CONFIRMATION
        });
        return null;
    }
  }
}

/** Whether all is saved, in words. */
export function savedText(isSaved: boolean, trans: TranslationBundle): string {
  return isSaved
    ? trans.__('Open documents are saved.')
    : trans.__('Not every open document could be saved.');
}
