import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { IDocumentManager } from '@jupyterlab/docmanager';
import type { DocumentRegistry } from '@jupyterlab/docregistry';

/** Milliseconds after which a save that waits for an answer is not waited for. */
const LIMIT = 10_000;

/** The documents whose last save has not come to an end: Lab may be asking about them. */
const pending = new WeakSet<DocumentRegistry.Context>();

/**
 * Save every open document that has changes.
 *
 * Those without are left alone: writing them would overwrite, or ask about, what
 * others have changed on disk since.
 *
 * @returns whether nothing unsaved is left.
 */
export async function saveDocuments(
  shell: JupyterFrontEnd.IShell,
  documents: IDocumentManager,
  limit = LIMIT
): Promise<boolean> {
  const unsaved = new Set<DocumentRegistry.Context>();
  for (const widget of shell.widgets('main')) {
    const context = documents.contextForWidget(widget);
    if (context?.model.dirty && !context.model.readOnly) {
      unsaved.add(context);
    }
  }
  // Lab asks about conflicts in a dialog; the session does not wait for the answer.
  let timer = 0;
  const late = new Promise<void>(resolve => {
    timer = window.setTimeout(resolve, limit);
  });
  const saves = [...unsaved]
    .filter(context => !pending.has(context))
    .map(context => {
      pending.add(context);
      return context.save().finally(() => pending.delete(context));
    });
  await Promise.race([Promise.allSettled(saves), late]);
  window.clearTimeout(timer);
  return [...unsaved].every(context => !context.model.dirty);
}
