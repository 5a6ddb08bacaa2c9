// node scripts/man.mjs [FOLDER]: makes the manual's pages in dist/man, or in the folder, from man/*.md.
// The prose is written by hand, the tables of keys and commands come from the code.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsText, keysText, optionsText } from './man/tables.mjs';
import { toRoff } from './man/roff.mjs';

const root = join(import.meta.dirname, '..');

export async function manualPages() {
  const { keyGroups, commands, commonOptions, globalOptions } = await loadTables();
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const tables = {
    keys: () => keysText(keyGroups),
    commands: () => commandsText(commands),
    options: () => optionsText([...globalOptions, ...commonOptions]),
  };
  const sources = readdirSync(join(root, 'man')).filter((file) => file.endsWith('.md'));
  return sources.map((file) => {
    const text = readFileSync(join(root, 'man', file), 'utf8').replace(/^\{\{(\w+)\}\}$/gm, (_, table) =>
      tables[table](),
    );
    const { name, section, roff } = toRoff(text, { version });
    return { file: `${name}.${section}`, roff };
  });
}

/** The tables are TypeScript: bundled in memory, as Node 20 cannot read it. */
async function loadTables() {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    stdin: {
      contents: `export { keyGroups } from './lib/config/keys.ts';
export { commands, commonOptions, globalOptions } from './cli/commands/index.ts';`,
      resolveDir: root,
      loader: 'ts',
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  });
  return import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].text).toString('base64')}`);
}

if (process.argv[1] === import.meta.filename) {
  const to = process.argv[2] ?? join(root, 'dist/man');
  mkdirSync(to, { recursive: true });
  for (const { file, roff } of await manualPages()) {
    writeFileSync(join(to, file), roff);
    console.log(join(to, file));
  }
}
