import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import {
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
    title: trans.__('Which budget pays from now on?'),
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
    const format = Formatter.ofPage();
    return (
      <fieldset>
        <legend>
          {this._trans.__(
            'What was used until now stays where it was charged.'
          )}
        </legend>
        {this._payers.map(payer => (
          <label key={payer.id}>
            <input
              type="radio"
              name="lw-payer"
              value={payer.id}
              disabled={paysTooLittle(payer, this._overview)}
              defaultChecked={payer.id === this._chosen}
              onChange={() => {
                this._chosen = payer.id;
              }}
            />
            <span>
              <b>{payer.title}</b>
              <br />
              {this._left(payer, format)}
              <br />
              {paysTooLittle(payer, this._overview) && (
                <>
                  {this._trans.__(
                    'Too little: it pays for less than %1 of this session.',
                    format.duration(neededSeconds(this._overview))
                  )}
                  <br />
                </>
              )}
              <span className="lw-Quiet">
                {ownerText(payer, this._trans)}
                {' · '}
                {periodText(payer, format, this._trans)}
              </span>
            </span>
          </label>
        ))}
      </fieldset>
    );
  }

  private _left(payer: IPayer, format: Formatter): string {
    const { budget } = this._overview;
    return this._trans.__(
      '%1 of %2 GPU-hours left',
      format.gpuHours(payer.left_ticks, budget),
      format.gpuHours(payer.granted_ticks, budget)
    );
  }

  private readonly _payers: IPayer[];
  private _chosen: string;
}
