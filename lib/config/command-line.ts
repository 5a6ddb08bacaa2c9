import type { KeyValues } from './keys.ts';

/** The kernel's command line: `cmdline` wins over `root` and `extra`, which are joined (xl_parse.c:parse_cmdline). */
export function commandLine({ cmdline, root, extra }: Pick<KeyValues, 'cmdline' | 'root' | 'extra'>): string | null {
  if (cmdline !== null) return cmdline;
  const parts = [...(root === null ? [] : [`root=${root}`]), ...(extra === null ? [] : [extra])];
  return parts.length === 0 ? null : parts.join(' ');
}
