import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { IDisposable } from '@lumino/disposable';
import type { Message } from '@lumino/messaging';
import * as React from 'react';
import { BRAND } from '../commands';
import { labwerkIcon } from '../icons';
import type { IPanelOptions } from './content';

/** Loaded when the panel is first shown: Lab's start does not wait for it. */
const Content = React.lazy(() => import('./content'));

/** The Labwerk panel in the sidebar; follows the model only while it is visible. */
export class LabwerkPanel extends ReactWidget {
  constructor(private readonly _options: IPanelOptions) {
    super();
    this.id = 'labwerk-lab-panel';
    this.title.icon = labwerkIcon;
    this.title.caption = _options.trans.__(
      'Labwerk: slice, budget and datasets'
    );
    this.addClass('lw-Panel');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', BRAND);
  }

  dispose(): void {
    this._unwatch();
    super.dispose();
  }

  protected render(): React.ReactElement {
    if (!this._shown) {
      return <></>;
    }
    return (
      <React.Suspense fallback={null}>
        <UseSignal
          signal={this._options.model.changed}
          shouldUpdate={() => this._watching !== null}
        >
          {() => <Content {...this._options} />}
        </UseSignal>
      </React.Suspense>
    );
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    if (this.isVisible) {
      this._watch();
    }
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._watch();
  }

  protected onBeforeHide(msg: Message): void {
    super.onBeforeHide(msg);
    this._unwatch();
  }

  protected onBeforeDetach(msg: Message): void {
    this._unwatch();
    super.onBeforeDetach(msg);
  }

  private _watch(): void {
    this._watching ??= this._options.model.watch();
    this._shown = true;
    this.update();
  }

  private _unwatch(): void {
    this._watching?.dispose();
    this._watching = null;
  }

  private _shown = false;
  private _watching: IDisposable | null = null;
}
