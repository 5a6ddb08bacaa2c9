// Builds dist/: the bin (xl.cjs in one file, with its code cache), the library (index.js) and its types.
// Does nothing, quickly, when what is there was made from what is here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');
const codeCache = join(dist, 'xl-main.cache');
const stampFile = join(dist, '.stamp');
const SOURCES = ['cli', 'lib', 'grammar'];
const MAKERS = [
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.types.json',
  'scripts/build.mjs',
  'scripts/grammars.mjs',
  'scripts/start.cjs',
  'scripts/code-cache.cjs',
];

export async function build({ force = false, types = true } = {}) {
  const stamp = stampOfSources(types);
  if (!force && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false;
  rmSync(stampFile, { force: true });
  rmSync(codeCache, { force: true });
  mkdirSync(dist, { recursive: true });
  const { generateGrammars } = await import('./grammars.mjs');
  generateGrammars();
  await bundle();
  writeCodeCache();
  if (types) writeTypes();
  writeFileSync(stampFile, stamp);
  return true;
}

/** Names, sizes and times of everything that the result depends on. */
function stampOfSources(types) {
  const hash = createHash('sha256').update(`${process.version} ${types}`);
  const add = (path) => {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  };
  for (const folder of SOURCES) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (entry.isFile() && !path.includes('generated')) add(path.slice(root.length + 1));
    }
  }
  MAKERS.forEach(add);
  return hash.digest('hex');
}

/** What packages made for ESM ask of `import.meta`. */
const IMPORT_META = "var importMetaUrl = 'file://' + encodeURI(__filename);";

async function bundle() {
  const esbuild = await import('esbuild');
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node20.19',
    legalComments: 'eof',
    logLevel: 'warning',
  };
  await Promise.all([
    // One CommonJS file: V8's code cache covers it whole, and Node loads it without the module loader's machinery.
    // Each command's code sits in it behind its import(), and runs only when that is reached.
    esbuild.build({
      ...common,
      entryPoints: ['cli/xl.ts'],
      outfile: 'dist/xl-main.cjs',
      format: 'cjs',
      minify: true,
      // One function, as start.cjs calls it: CommonJS made by hand, so that V8 gets the same text with and without cache.
      banner: { js: '(function (exports, require, module, __filename, __dirname) {' + IMPORT_META },
      define: { 'import.meta.url': 'importMetaUrl' },
      // Native, so it stays beside the program, and is loaded by the first command that calls the hypervisor. By
      // require, as the program's one script is compiled by hand (start.cjs) and has no import() of its own.
      external: ['koffi'],
      supported: { 'dynamic-import': false },
      footer: { js: '})' },
      plugins: [withoutYargsShim, withoutColourGuessing],
    }),
    esbuild.build({
      ...common,
      entryPoints: ['lib/index.ts'],
      outfile: 'dist/index.js',
      format: 'esm',
      packages: 'external',
    }),
  ]);
  for (const [name, text] of [
    ['xl.cjs', readFileSync(join(root, 'scripts/start.cjs'))],
    // For those who run the file by the usual name; `bin` names xl.cjs, which starts 8 ms earlier.
    ['xl.js', "#!/usr/bin/env node\nimport './xl.cjs';\n"],
  ]) {
    writeFileSync(join(dist, name), text);
    chmodSync(join(dist, name), 0o755);
  }
}

/** Of yargs only the parser is used; the surroundings that its helpers bring along (cliui, locales, assert) are not. */
const withoutYargsShim = {
  name: 'without-yargs-shim',
  setup({ onResolve }) {
    onResolve({ filter: /platform-shims\/esm\.mjs$/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path),
      sideEffects: false,
    }));
  },
};

/** Chalk's own look at the terminal loads node:tty, 8 ms; cli/terminal.ts has looked already and says the level. */
const withoutColourGuessing = {
  name: 'without-colour-guessing',
  setup({ onResolve }) {
    onResolve({ filter: /^#supports-color$/ }, ({ resolveDir }) => ({
      path: join(resolveDir, 'vendor/supports-color/browser.js'),
    }));
  },
};

/** Has the program run a few commands and keeps what V8 compiled for them. */
function writeCodeCache() {
  execFileSync(process.execPath, [join(root, 'scripts/code-cache.cjs'), join(dist, 'xl-main.cjs'), codeCache], {
    cwd: root,
    // What the commands say is only of interest where one of them fails.
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function writeTypes() {
  execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.types.json'], {
    cwd: root,
    stdio: 'inherit',
  });
}

if (process.argv[1] === import.meta.filename) {
  const started = performance.now();
  const done = await build({ force: process.argv.includes('--force'), types: !process.argv.includes('--no-types') });
  process.stderr.write(
    done ? `built dist/ in ${((performance.now() - started) / 1000).toFixed(1)} s\n` : 'dist/ is up to date\n',
  );
}
