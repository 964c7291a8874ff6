import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import { Widget } from '@lumino/widgets';
import { saveDocuments } from '../save';

/** An open document; saving it takes until the given promise is settled. */
function aDocument(
  dirty: boolean,
  readOnly = false,
  saved = Promise.resolve()
) {
  const context = {
    model: { dirty, readOnly },
    save: jest.fn(async () => {
      await saved;
      context.model.dirty = false;
    })
  };
  return context;
}

/** A shell in which these documents are open, and one tab that is none. */
function aShell(...contexts: ReturnType<typeof aDocument>[]) {
  const tabs = new Map(contexts.map(context => [new Widget(), context]));
  const shell = { widgets: () => [...tabs.keys(), new Widget()] };
  const documents = { contextForWidget: (tab: Widget) => tabs.get(tab) };
  return [
    shell as unknown as JupyterFrontEnd.IShell,
    documents as unknown as IDocumentManager
  ] as const;
}

describe('saving documents', () => {
  it('saves those with changes and leaves the others alone', async () => {
    const changed = aDocument(true);
    const same = aDocument(false);
    const locked = aDocument(true, true);
    expect(await saveDocuments(...aShell(changed, same, locked))).toBe(true);
    expect(changed.save).toHaveBeenCalledTimes(1);
    expect(same.save).not.toHaveBeenCalled();
    expect(locked.save).not.toHaveBeenCalled();
  });

  it('says if one cannot be saved, and saves the rest', async () => {
    const broken = aDocument(true, false, Promise.reject(new Error('full')));
    const fine = aDocument(true);
    expect(await saveDocuments(...aShell(broken, fine))).toBe(false);
    expect(fine.model.dirty).toBe(false);
  });

  it('does not wait for one that asks something, and does not ask twice', async () => {
    const asking = aDocument(true, false, new Promise<void>(() => undefined));
    expect(await saveDocuments(...aShell(asking), 30)).toBe(false);
    expect(await saveDocuments(...aShell(asking), 30)).toBe(false);
    expect(asking.save).toHaveBeenCalledTimes(1);
  });
});
