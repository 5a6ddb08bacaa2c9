import { basename, resolve } from 'node:path';
import { openRegistry, checkName, type Registry } from '../lib/host/dscow/registry.ts';
import { embeddedStateDir, userId } from './embedded.ts';
import { prepareStateDir } from '../lib/host/embedded/state-dir.ts';
import { usageError } from './usage.ts';

/** The servers that run, by the notes below the state directory (XL_STATE_DIR; /run/xl-ts for root). */
export async function dscowRegistry(): Promise<Registry> {
  const dir = embeddedStateDir();
  await prepareStateDir(dir, userId());
  return openRegistry(dir.root);
}

/** An overlay's name where the user gives none: `/srv/web.dscow` is `web`. */
export const nameOfFile = (file: string): string =>
  checkName(
    basename(file)
      .replace(/\.dscow$/, '')
      .replace(/[^A-Za-z0-9_.+-]/g, '_')
      .replace(/^[^A-Za-z0-9]+/, '') || 'disk',
  );

/** What the options of `serve` and `attach` say in common. */
export interface ServingOptions {
  readonly 'read-only': boolean;
  readonly sync: 'a' | 'f' | undefined;
  readonly 'force-base': boolean;
}

/** The command line by which a server runs in a process of its own. */
export const serveCommand = (
  file: string,
  { name, socket, options }: { readonly name: string; readonly socket: string; readonly options: ServingOptions },
): string[] => [
  process.execPath,
  process.argv[1] ?? '',
  'dscow',
  'serve',
  '--foreground',
  `--name=${name}`,
  `--socket=${socket}`,
  ...(options['read-only'] ? ['--read-only'] : []),
  ...(options.sync === undefined ? [] : [`--sync=${options.sync}`]),
  ...(options['force-base'] ? ['--force-base'] : []),
  '--',
  resolve(file),
];

/** A block size in bytes as its power of two. Throws a usage error. */
export function blockBitsOf(bytes: string | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const bits = Math.log2(Number(bytes));
  if (/^\d+$/.test(bytes) && Number.isInteger(bits) && bits >= 12 && bits <= 21) return bits;
  throw usageError('bad-block-size', `"${bytes}" is no block size.`, {
    hint: 'a power of two from 4096 to 2097152: 65536 for instance',
  });
}
