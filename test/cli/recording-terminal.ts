import type { Style, Terminal } from '../../cli/terminal.ts';

/** A terminal that remembers what it was given. */
export interface RecordingTerminal extends Terminal {
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** A pipe: no colours, nothing drawn over. */
export const plainStyle: Style = { colour: 0, width: 100, live: false, unicode: true };

export function recordingTerminal(style: Partial<Style> = {}): RecordingTerminal {
  const out: string[] = [];
  const err: string[] = [];
  return {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    outStyle: { ...plainStyle, ...style },
    errStyle: { ...plainStyle, ...style },
    stdout: () => out.join(''),
    stderr: () => err.join(''),
  };
}
