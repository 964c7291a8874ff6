import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';
import { askedText, problemText } from '../problems';
import { IAsked, LONGEST_WORDS } from '../wire';

interface IProps {
  /** What is asked for more of, as it is: what was said holds while it stays so. */
  about: string;
  ask: (words: string) => Promise<IAsked>;
  trans: TranslationBundle;
}

/** Ask for more of the budget, with words that nobody has to write. */
export function AskForMore(props: IProps): React.ReactElement {
  const { about, ask, trans } = props;
  const [words, setWords] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const [said, setSaid] = React.useState({ about, text: '' });
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    if (busy) {
      return;
    }
    setBusy(true);
    const tell = (text: string) => setSaid({ about, text });
    tell('');
    try {
      tell(askedText(await ask(words.trim()), trans));
      setWords('');
    } catch (reason) {
      tell(problemText(reason, trans));
    }
    setBusy(false);
  };
  return (
    <form onSubmit={event => void submit(event)}>
      <label className="lw-Field lw-mod-ask">
        {trans.__('What more is for (optional)')}
        <input
          type="text"
          value={words}
          maxLength={LONGEST_WORDS}
          onChange={event => setWords(event.target.value)}
        />
      </label>
      <button type="submit" className="lw-Button" aria-disabled={busy}>
        {trans.__('Ask for more')}
      </button>
      <p className="lw-Done" role="status">
        {said.about === about ? said.text : ''}
      </p>
    </form>
  );
}
