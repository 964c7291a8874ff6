import { NotificationManager } from '@jupyterlab/apputils';
import type { IStateDB } from '@jupyterlab/statedb';
import { nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { Actions } from '../actions';
import type { OverviewError } from '../api';
import { Notifier } from '../notifier';
import { Told } from '../told';
import type { IOverviewModel, OverviewState } from '../tokens';
import type { Change, IAsked, IBudget, IOverview, ISession } from '../wire';
import { aBudget, anOverview, aPayer, aProject, aSession } from './example';

const trans = nullTranslator.load('labwerk_lab');

/** A model whose state and time the test sets. */
export class Model implements IOverviewModel {
  readonly changed = new Signal<this, void>(this);
  state: OverviewState = { status: 'loading' };
  time = '22:00:00';
  refusal: OverviewError | null = null;
  asked: Change[] = [];
  answer: IOverview = anOverview({ session: aSession() });
  /** The budgets that may pay. */
  payers = [aPayer(), aProject()];
  /** Whether somebody else looks. */
  visited = false;

  now(): number {
    return Date.parse(`2026-11-21T${this.time}Z`);
  }

  /** It is that time, of a session and a budget with the given differences. */
  at(
    time: string,
    differences: Partial<ISession> | null = {},
    budget: Partial<IBudget> = {}
  ): void {
    this.time = time;
    const overview = anOverview({
      session: differences && aSession(differences),
      budget: aBudget(budget),
      payers: this.payers,
      visited: this.visited,
      served_at: `2026-11-21T${time}Z`
    });
    this.state = { status: 'ready', overview, receivedAt: 0, problem: null };
    this.changed.emit();
  }

  async change(change: Change): Promise<IOverview> {
    this.asked.push(change);
    if (this.refusal) {
      throw this.refusal;
    }
    return this.answer;
  }

  refresh = () => Promise.resolve();
  watch = () => ({ dispose: () => undefined, isDisposed: false });
}

/** A notifier in Lab, and a person's hand in it. */
export function setUp(
  save: () => Promise<boolean> = () => Promise.resolve(true),
  state: IStateDB | null = null
) {
  document.documentElement.lang = 'en-GB';
  const model = new Model();
  const manager = new NotificationManager();
  const showPanel = jest.fn();
  const ask = jest.fn<Promise<IAsked>, [string, string]>();
  const choosePayer = jest.fn<Promise<string | null>, [IOverview]>();
  const options = { model, manager, trans, save };
  const actions = new Actions({ ...options, ask, choosePayer });
  new Notifier({ ...options, actions, told: new Told(state), showPanel });
  const shown = () => manager.notifications.map(({ message }) => message);
  /** What can be pressed. */
  const buttons = () =>
    manager.notifications.flatMap(({ options }) =>
      (options.actions ?? []).map(({ label }) => label)
    );
  /** Press a button as Lab does: its action, then the notification is gone. */
  const press = async (label: string) => {
    for (const { id, options } of manager.notifications) {
      const action = options.actions?.find(one => one.label === label);
      if (action) {
        const click = new MouseEvent('click', { cancelable: true });
        action.callback(click);
        if (!click.defaultPrevented) {
          manager.dismiss(id);
        }
        return settled();
      }
    }
    throw new Error(`no button ${label}`);
  };
  return {
    ...{ model, manager, showPanel, ask, choosePayer, actions },
    ...{ shown, buttons, press }
  };
}

/** After what was begun has come to an end. */
export const settled = () => new Promise<void>(resolve => setTimeout(resolve));

/** A time of day as the notifications write it. */
export const clock = (iso: string) =>
  new Intl.DateTimeFormat('en-GB', {
    hour: 'numeric',
    minute: '2-digit'
  }).format(new Date(iso));
