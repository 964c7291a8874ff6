import { nullTranslator } from '@jupyterlab/translation';
import { CommandRegistry } from '@lumino/commands';
import { addChanges } from '../changes';
import { CommandIDs } from '../commands';
import { setUp } from './warned';

const trans = nullTranslator.load('labwerk_lab');
const CHANGES = [CommandIDs.extend, CommandIDs.payWith, CommandIDs.askForMore];

describe('the commands that change the session', () => {
  it('are for its owner, and not for a visitor', async () => {
    const { model, actions } = setUp();
    const commands = new CommandRegistry();
    const told: (string | undefined)[] = [];
    addChanges({
      ...{ commands, model, trans, palette: null },
      ready: Promise.resolve(actions)
    });
    commands.commandChanged.connect((_, { id }) => void told.push(id));
    const enabled = () => CHANGES.filter(id => commands.isEnabled(id));

    expect(enabled()).toEqual(CHANGES); // nobody knows yet
    model.at('22:00:00');
    expect(enabled()).toEqual(CHANGES);
    expect(told).toEqual([]);
    model.visited = true;
    model.at('22:01:00');
    expect(enabled()).toEqual([]);
    expect(told).toEqual(CHANGES);

    model.visited = false;
    model.at('22:02:00');
    await commands.execute(CommandIDs.extend);
    expect(model.asked).toEqual(['extend']);
  });
});
