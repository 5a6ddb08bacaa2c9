import { completionScript } from '../completion.ts';
import { usageError } from '../usage.ts';
import type { RunOf } from './index.ts';

/** `xl completion bash|zsh`. */
export const run: RunOf<'completion'> = ({ terminal }, { words }) => {
  const [shell] = words;
  if (shell !== 'bash' && shell !== 'zsh') {
    throw usageError('unknown-shell', `there is no completion for "${shell ?? ''}".`, {
      hint: 'bash and zsh have one',
    });
  }
  terminal.out(completionScript(shell));
  return 0;
};
