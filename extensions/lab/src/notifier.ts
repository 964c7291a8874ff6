import type { Notification, NotificationManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Actions, savedText } from './actions';
import { endsSoon, otherPayers, paidUntil } from './budgets';
import { Formatter } from './format';
import { IBudgetNotice, INotice, noticesDue } from './notices';
import type { Told } from './told';
import type { IOverviewModel } from './tokens';
import type { IOverview, ISession } from './wire';

/** Milliseconds for which a warning is shown that is not urgent; Lab keeps it in its list. */
const EARLY_WARNING = 30_000;

/** What the notifier works with. */
export interface INotifierOptions {
  model: IOverviewModel;
  trans: TranslationBundle;
  /** Lab's notifications. */
  manager: NotificationManager;
  actions: Actions;
  /** Which warnings of a budget were given. */
  told: Told;
  /** Saves all open documents; says whether that worked. */
  save: () => Promise<boolean>;
  /** Brings the panel to the front. */
  showPanel: () => void;
}

/**
 * Tells about the session's end, budget, idleness and GPU in Lab's notifications.
 *
 * Before anything urgent is said all documents are saved: who is not there to
 * read it loses nothing either.
 */
export class Notifier {
  constructor(private readonly _options: INotifierOptions) {
    _options.model.changed.connect(this._update, this);
    this._update();
  }

  private _update(): void {
    const { model, manager } = this._options;
    if (model.state.status !== 'ready') {
      return;
    }
    const due = noticesDue(model.state.overview, model.now());
    const keys = due.map(notice => notice.key);
    for (const [key, id] of this._told) {
      if (!keys.includes(key)) {
        this._told.delete(key);
        if (id !== null) {
          manager.dismiss(id);
        }
      }
    }
    for (const notice of due) {
      if (!this._told.has(notice.key)) {
        this._told.set(notice.key, null);
        void this._tell(notice);
      } else if (notice.last) {
        // What is typed in the last minute is not lost either.
        void this._options.save().catch(() => undefined);
      }
    }
  }

  private async _tell(notice: INotice): Promise<void> {
    const { manager, model, told } = this._options;
    const isUrgent = !isEarly(notice);
    const saved = !isUrgent || (await this._options.save().catch(() => false));
    const overview =
      model.state.status === 'ready' ? model.state.overview : null;
    const session = overview?.session ?? null;
    if (
      overview === null ||
      session === null ||
      // It is for the server's owner to read; a visitor's documents are saved.
      overview.visited ||
      (notice.kind === 'budget' &&
        !(await told.isNews(session, overview, notice.level))) ||
      this._told.get(notice.key) !== null
    ) {
      // While documents were saved it came to nothing, or was told.
      return;
    }
    const message =
      notice.kind === 'budget'
        ? this._budgetMessage(notice, overview, saved)
        : this._message(notice, session, saved);
    const type = notice.kind === 'problem' || !saved ? 'error' : 'warning';
    const id = manager.notify(message, type, {
      autoClose: isUrgent ? false : EARLY_WARNING,
      actions:
        notice.kind === 'budget'
          ? this._budgetActions(overview, isUrgent)
          : this._actions(notice, session)
    });
    this._told.set(notice.key, id);
  }

  private _budgetMessage(
    notice: IBudgetNotice,
    overview: IOverview,
    saved: boolean
  ): string {
    const { model, trans } = this._options;
    const { budget } = overview;
    const format = Formatter.ofPage();
    const now = model.now();
    const at = (time: number) =>
      format.instant(new Date(time).toISOString(), now);
    const until = paidUntil(overview) ?? now;
    // Lab cuts at 140 characters: what must be read comes first.
    switch (notice.level) {
      case 'fifth':
      case 'tenth': {
        // What is kept for the session counts: it may still use that.
        const unused = format.gpuHours(
          budget.left_ticks + budget.held_ticks,
          budget
        );
        const granted = format.gpuHours(budget.granted_ticks, budget);
        const enough = at(Math.min(until, Date.parse(budget.period_ends_at)));
        return notice.level === 'fifth'
          ? trans._n(
              'Less than a fifth of your budget is unused: %2 of %3 GPU-hour, enough until %4 (%5).',
              'Less than a fifth of your budget is unused: %2 of %3 GPU-hours, enough until %4 (%5).',
              format.shownGpuHours(budget.granted_ticks, budget),
              unused,
              granted,
              enough,
              budget.title
            )
          : trans._n(
              'Less than a tenth of your budget is unused: %2 of %3 GPU-hour, enough until %4 (%5).',
              'Less than a tenth of your budget is unused: %2 of %3 GPU-hours, enough until %4 (%5).',
              format.shownGpuHours(budget.granted_ticks, budget),
              unused,
              granted,
              enough,
              budget.title
            );
      }
      case 'minutes':
        return [
          trans.__('Your budget is used up at %1.', at(until)),
          savedText(saved, trans)
        ].join(' ');
      case 'used-up': {
        const stops = budget.grace_ends_at;
        return [
          stops === null
            ? trans.__('Your budget is used up.')
            : trans.__(
                'Your budget is used up: your session stops at %1.',
                at(Date.parse(stops))
              ),
          savedText(saved, trans)
        ].join(' ');
      }
    }
  }

  private _budgetActions(
    overview: IOverview,
    isUrgent: boolean
  ): Notification.IAction[] {
    const { actions, trans } = this._options;
    const act = (
      label: string,
      run: () => Promise<void>
    ): Notification.IAction => ({
      label,
      callback: event => {
        // It stays until it is dismissed, or until the budget is enough again.
        event.preventDefault();
        void run();
      }
    });
    const found = [act(trans.__('Ask for more'), () => actions.askForMore(''))];
    if (otherPayers(overview).length > 0) {
      found.unshift({
        ...act(trans.__('Let another budget pay'), () =>
          actions.payWithOther()
        ),
        caption: trans.__(
          'Choose which budget pays for the session from now on'
        ),
        displayType: 'accent'
      });
    }
    if (isUrgent) {
      found.push(act(trans.__('Save all'), () => actions.saveAll()));
    }
    return found;
  }

  private _message(
    notice: Exclude<INotice, IBudgetNotice>,
    session: ISession,
    saved: boolean
  ): string {
    const { model, trans } = this._options;
    const format = Formatter.ofPage();
    const at = (iso: string | null) =>
      iso === null ? '' : format.instant(iso, model.now());
    // Lab cuts at 140 characters: what must be read comes first.
    const parts: (string | null)[] = [];
    switch (notice.kind) {
      case 'ending':
        parts.push(trans.__('Your session ends at %1.', at(session.ends_at)));
        break;
      case 'idle':
        parts.push(
          trans.__(
            'Idle since %1: your session stops at %2.',
            at(session.idle?.since ?? null),
            at(session.idle?.stops_at ?? null)
          )
        );
        break;
      case 'problem':
        parts.push(session.problem);
        break;
    }
    parts.push(savedText(saved, trans));
    if (notice.kind === 'ending') {
      parts.push(session.extension.refusal);
    }
    return parts.filter(Boolean).join(' ');
  }

  private _actions(
    notice: Exclude<INotice, IBudgetNotice>,
    session: ISession
  ): Notification.IAction[] | undefined {
    const { actions, showPanel, trans } = this._options;
    const act = (
      label: string,
      change: 'extend' | 'still-working'
    ): Notification.IAction => ({
      label,
      displayType: 'accent',
      callback: () => void actions.change(change)
    });
    const details: Notification.IAction = {
      label: trans.__('Details'),
      caption: trans.__('Show Labwerk'),
      callback: showPanel
    };
    switch (notice.kind) {
      case 'ending':
        return session.extension.until === null
          ? [details]
          : [act(trans.__('Extend'), 'extend')];
      case 'idle':
        return [act(trans.__('Still working'), 'still-working')];
      case 'problem':
        return [details];
    }
  }

  /** The notices that are due and told, with their notification's id once there is one. */
  private readonly _told = new Map<string, string | null>();
}

/** Whether there is still time: nothing has to be saved now. */
function isEarly(notice: INotice): boolean {
  return notice.kind === 'budget' && !endsSoon(notice.level);
}
