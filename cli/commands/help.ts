import { XlError } from '../../lib/base/error.ts';
import { commandHelpText, helpText } from '../help.ts';
import { findCommand } from '../lookup.ts';
import { isUsageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl help [command]`. A command that is not there is said on stdout with exit status 0, as xl does. */
export const run: RunOf<'help'> = ({ terminal }, { words }) => {
  const { width } = terminal.outStyle;
  if (words.length === 0 || words[0] === 'help') {
    terminal.out(helpText(width));
    return 0;
  }
  try {
    terminal.out(commandHelpText(findCommand(words).name, width));
  } catch (error) {
    if (!(error instanceof XlError) || !isUsageError(error)) throw error;
    terminal.out(`command "${words.join(' ')}" not implemented\n`);
    if (error.hint !== undefined) terminal.err(`${error.hint}\n`);
  }
  return 0;
};
