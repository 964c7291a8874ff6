import type { Notification, NotificationManager } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Formatter } from './format';
import { INotice, noticesDue } from './notices';
import { problemText } from './problems';
import type { IOverviewModel } from './tokens';
import type { Change, ISession } from './wire';

/** Milliseconds for which a confirmation is shown. */
const CONFIRMATION = 8_000;

/** What the notifier works with. */
export interface INotifierOptions {
  model: IOverviewModel;
  trans: TranslationBundle;
  /** Lab's notifications. */
  manager: NotificationManager;
  /** Saves all open documents; says whether that worked. */
  save: () => Promise<boolean>;
  /** Brings the panel to the front. */
  showPanel: () => void;
}

/**
 * Tells about the session's end, idleness and GPU in Lab's notifications.
 *
 * Before anything is said all documents are saved: who is not there to read it
 * loses nothing either.
 */
export class Notifier {
  constructor(private readonly _options: INotifierOptions) {
    _options.model.changed.connect(this._update, this);
    this._update();
  }

  /** Change the session, and say how that went. */
  async change(change: Change): Promise<void> {
    const { manager, model, trans } = this._options;
    try {
      const { session } = await model.change(change);
      const until =
        session && Formatter.ofPage().instant(session.ends_at, model.now());
      manager.notify(
        change === 'extend' && until
          ? trans.__('Your session now ends at %1.', until)
          : trans.__('Noted: your session goes on.'),
        'success',
        { autoClose: CONFIRMATION }
      );
    } catch (reason) {
      manager.notify(problemText(reason, trans), 'error', { autoClose: false });
    }
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
    const { manager, model, save } = this._options;
    const saved = await save().catch(() => false);
    const session =
      model.state.status === 'ready' ? model.state.overview.session : null;
    if (session === null || this._told.get(notice.key) !== null) {
      // While documents were saved it came to nothing, or was told.
      return;
    }
    const message = this._message(notice, session, saved);
    const type = notice.kind === 'problem' || !saved ? 'error' : 'warning';
    const id = manager.notify(message, type, {
      autoClose: false,
      actions: this._actions(notice, session)
    });
    this._told.set(notice.key, id);
  }

  private _message(notice: INotice, session: ISession, saved: boolean): string {
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
            'Nothing has run since %1: your session stops at %2.',
            at(session.idle?.since ?? null),
            at(session.idle?.stops_at ?? null)
          )
        );
        break;
      case 'problem':
        parts.push(session.problem);
        break;
    }
    parts.push(
      saved
        ? trans.__('Open documents are saved.')
        : trans.__('Not every open document could be saved.')
    );
    if (notice.kind === 'ending') {
      parts.push(session.extension.refusal);
    }
    return parts.filter(Boolean).join(' ');
  }

  private _actions(
    notice: INotice,
    session: ISession
  ): Notification.IAction[] | undefined {
    const { showPanel, trans } = this._options;
    const act = (label: string, change: Change): Notification.IAction => ({
      label,
      displayType: 'accent',
      callback: () => void this.change(change)
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
