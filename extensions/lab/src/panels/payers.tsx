import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import {
  leftOf,
  neededSeconds,
  otherPayers,
  ownerText,
  paysTooLittle,
  periodText
} from '../budgets';
import { Formatter } from '../format';
import type { IOverview, IPayer } from '../wire';

/**
 * Let the person choose which budget pays from now on.
 *
 * @returns its id, or null if it is to stay as it is.
 */
export async function choosePayer(
  overview: IOverview,
  trans: TranslationBundle
): Promise<string | null> {
  const body = new PayerChoice(overview, trans);
  const result = await showDialog({
    title: question(trans),
    body,
    buttons: body.getValue()
      ? [
          Dialog.cancelButton({ label: trans.__('Cancel') }),
          Dialog.okButton({ label: trans.__('Let it pay') })
        ]
      : [Dialog.cancelButton({ label: trans.__('Close') })],
    focusNodeSelector: 'input:checked'
  });
  return result.button.accept ? result.value : null;
}

/** The other budgets, with what each has left; one that has too little cannot be chosen. */
class PayerChoice extends ReactWidget implements Dialog.IBodyWidget<string> {
  constructor(
    private readonly _overview: IOverview,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('lw-Payers');
    // Whoever has most left comes first, and is what is offered.
    this._payers = otherPayers(_overview).sort(
      (one, other) => other.left_ticks - one.left_ticks
    );
    this._chosen =
      this._payers.find(payer => !paysTooLittle(payer, _overview))?.id ?? '';
  }

  /** The id of the chosen budget; empty if none can be chosen. */
  getValue(): string {
    return this._chosen;
  }

  protected render(): React.ReactElement {
    return (
      <Choice
        payers={this._payers}
        overview={this._overview}
        first={this._chosen}
        choose={payer => {
          this._chosen = payer;
        }}
        trans={this._trans}
      />
    );
  }

  private readonly _payers: IPayer[];
  private _chosen: string;
}

interface IChoiceProps {
  payers: IPayer[];
  overview: IOverview;
  /** The id of the budget that is chosen at first; empty for none. */
  first: string;
  choose: (payer: string) => void;
  trans: TranslationBundle;
}

/** One button a budget; the keyboard also reaches those that cannot be chosen, and why. */
function Choice(props: IChoiceProps): React.ReactElement {
  const { payers, overview, first, choose, trans } = props;
  const [chosen, setChosen] = React.useState(first);
  const format = Formatter.ofPage();
  return (
    <>
      <p>{trans.__('What was used until now stays where it was charged.')}</p>
      <fieldset>
        <legend className="jp-sr-only">{question(trans)}</legend>
        {payers.map(payer => {
          const isTooLittle = paysTooLittle(payer, overview);
          return (
            <label key={payer.id}>
              <input
                type="radio"
                name="lw-payer"
                value={payer.id}
                aria-disabled={isTooLittle}
                checked={payer.id === chosen}
                onChange={() => {
                  if (!isTooLittle) {
                    setChosen(payer.id);
                    choose(payer.id);
                  }
                }}
              />
              <span>
                <b>{payer.title}</b>
                <br />
                {leftOf(payer, overview.budget, format, trans)}
                <br />
                {isTooLittle && (
                  <>
                    {trans.__(
                      'Too little: it pays for less than %1 of this session.',
                      format.duration(neededSeconds(overview))
                    )}
                    <br />
                  </>
                )}
                <span className="lw-Quiet">
                  {ownerText(payer, trans)}
                  {' · '}
                  {periodText(payer, format, trans)}
                </span>
              </span>
            </label>
          );
        })}
      </fieldset>
    </>
  );
}

function question(trans: TranslationBundle): string {
  return trans.__('Which budget pays from now on?');
}
