import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');

/** What each room may import from, beside itself. The road goes one way: see "One road through the house" in ARCHITECTURE.md. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'lib/base': [],
  'lib/sys': ['lib/base'],
  grammar: ['lib/base'],
  'lib/disk': ['lib/base', 'grammar'],
  'lib/config': ['lib/base', 'grammar', 'lib/disk'],
  'lib/xenstore': ['lib/base'],
  'lib/xen': ['lib/base'],
  'lib/dscow': ['lib/base'],
  'lib/nbd': ['lib/base'],
  'lib/qemu': ['lib/base', 'grammar', 'lib/disk'],
  'lib/device': ['lib/base', 'lib/disk', 'lib/config', 'lib/qemu'],
  'lib/resolve': ['lib/base', 'lib/disk', 'lib/config', 'lib/device', 'lib/qemu', 'lib/xen'],
  'lib/libxl-json': ['lib/base', 'lib/disk', 'lib/config', 'lib/device', 'lib/qemu', 'lib/xen', 'lib/resolve'],
  'lib/plan': [
    'lib/base',
    'lib/libxl-json',
    'lib/disk',
    'lib/config',
    'lib/device',
    'lib/resolve',
    'lib/qemu',
    'lib/xen',
  ],
  'lib/run': ['lib/base', 'lib/libxl-json', 'lib/plan'],
  'lib/monitor': [
    'lib/base',
    'lib/config',
    'lib/disk',
    'lib/device',
    'lib/resolve',
    'lib/libxl-json',
    'lib/plan',
    'lib/run',
  ],
  'lib/host': [
    'lib/base',
    'grammar',
    'lib/disk',
    'lib/config',
    'lib/sys',
    'lib/xenstore',
    'lib/xen',
    'lib/dscow',
    'lib/nbd',
    'lib/qemu',
    'lib/device',
    'lib/resolve',
    'lib/libxl-json',
    'lib/plan',
    'lib/run',
  ],
};
const libraryRooms = Object.keys(rooms);

/** The shape of the doors to the world: whoever stands behind a door may know it, as a type. */
const PORTS = 'lib/run/ports.ts';

/** Node's modules that only compute. Every other one reaches the world. */
const PURE_BUILTINS = [
  'node:path',
  'node:path/posix',
  'node:util',
  'node:buffer',
  'node:string_decoder',
  'node:events',
];

/** Files outside host/, run/ and sys/ that reach the world: the store's and QEMU's clients, the store's server, the terminal. */
const DOORS: readonly string[] = [
  'lib/xenstore/client.ts',
  'lib/xenstore/connection.ts',
  'lib/xenstore/dial.ts',
  'lib/xenstore/listen.ts',
  'lib/xenstore/server.ts',
  'lib/xenstore/session.ts',
  'lib/xenstore/store/serve.ts',
  'lib/qemu/monitors.ts',
  'lib/qemu/qmp-client.ts',
  'cli/terminal.ts',
];
const reachesTheWorld = (file: string) => /^lib\/(host|run|sys)\//.test(file) || DOORS.includes(file);

/** Who may import a package from npm, and how the rule reads. */
const packages: readonly { readonly name: string; readonly room: RegExp; readonly rule: string }[] = [
  { name: 'yargs', room: /^cli\//, rule: 'yargs is the command line’s' },
  { name: 'chalk', room: /^cli\/print\/colours\.ts$/, rule: 'colours are made in cli/print/colours.ts' },
  { name: 'execa', room: /^lib\/host\//, rule: 'processes are started in lib/host' },
  { name: 'koffi', room: /^lib\/sys\//, rule: 'native calls are made in lib/sys' },
];

interface Import {
  readonly from: string;
  readonly specifier: string;
  /** The imported file, from the project's root; null for packages and Node's own modules. */
  readonly target: string | null;
  readonly typeOnly: boolean;
}

const files = ['cli', 'lib', 'grammar'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.includes('generated'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name))),
);
const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
const imports = [...sources].flatMap(([file, text]) => importsOf(file, text));

function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, typeOnly: boolean) => {
    if (!ts.isStringLiteral(node)) return;
    const specifier = node.text;
    const target = specifier.startsWith('.') ? relative(root, join(root, dirname(file), specifier)) : null;
    found.push({ from: file, specifier, target, typeOnly });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node))
      add(node.moduleSpecifier, node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword);
    else if (ts.isExportDeclaration(node) && node.moduleSpecifier) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0]!, false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest));
  return found;
}

const roomOf = (file: string) => libraryRooms.find((room) => file.startsWith(`${room}/`)) ?? null;
const named = (offenders: readonly Import[]) => offenders.map(({ from, specifier }) => `${from} imports ${specifier}`);

describe('the rooms of the house', () => {
  it('are all in the plan of the house', () => {
    const strangers = files.filter(
      (file) => !file.startsWith('cli/') && file !== 'lib/index.ts' && roomOf(file) === null,
    );
    expect(strangers).toEqual([]);
  });

  it('have something to look at, and every door is there', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(DOORS.filter((door) => !sources.has(door))).toEqual([]);
  });

  it.each(libraryRooms)('%s imports only from the rooms before it', (room) => {
    const offenders = imports.filter(({ from, target, typeOnly }) => {
      if (roomOf(from) !== room || target === null) return false;
      if (target === PORTS && typeOnly) return false;
      const other = roomOf(target);
      return other !== room && (other === null || !rooms[room]!.includes(other));
    });
    expect(named(offenders)).toEqual([]);
  });

  it('let nothing but the command line know the command line', () => {
    expect(
      named(imports.filter(({ from, target }) => target?.startsWith('cli/') === true && !from.startsWith('cli/'))),
    ).toEqual([]);
  });

  it('reach sockets, files and processes only in host, run, sys and the clients', () => {
    const offenders = imports.filter(
      ({ from, specifier, typeOnly }) =>
        specifier.startsWith('node:') && !typeOnly && !PURE_BUILTINS.includes(specifier) && !reachesTheWorld(from),
    );
    expect(named(offenders)).toEqual([]);
  });

  it('name Node’s own modules as node:', () => {
    const bare = imports.filter(({ specifier }) => /^(fs|net|path|os|util|child_process|crypto)(\/|$)/.test(specifier));
    expect(named(bare)).toEqual([]);
  });

  it('ask the clock, chance and the environment only where the world is reached', () => {
    const asks =
      /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|process\.(env|argv|pid|platform|exit)|randomUUID)\b/;
    const offenders = [...sources].flatMap(([file, text]) => {
      // The command line asks for its user: which words, which environment, what time it is.
      if (reachesTheWorld(file) || file.startsWith('cli/')) return [];
      const found = asks.exec(withoutComments(text));
      return found === null ? [] : [`${file} asks ${found[0]}`];
    });
    expect(offenders).toEqual([]);
  });

  it('import packages of npm only where they belong', () => {
    const offenders = imports.flatMap(({ from, specifier }) => {
      if (specifier.startsWith('.') || specifier.startsWith('node:')) return [];
      const owner = packages.find(({ name }) => specifier === name || specifier.startsWith(`${name}/`));
      if (owner === undefined) return [`${from} imports ${specifier}, which is no dependency of the project`];
      return owner.room.test(from) ? [] : [`${from} imports ${specifier}: ${owner.rule}`];
    });
    expect(offenders).toEqual([]);
  });

  it('load native code only in lib/sys, and nowhere by the side door', () => {
    const loads = /\b(process\.dlopen|createRequire)\b|\.node['"`]/;
    const offenders = [...sources]
      .filter(([file, text]) => !file.startsWith('lib/sys/') && loads.test(withoutComments(text)))
      .map(([file]) => file);
    expect(offenders).toEqual([]);
    // What of npm's packages is native is this one.
    expect(named(imports.filter(({ specifier }) => specifier === 'koffi'))).toEqual(['lib/sys/koffi.ts imports koffi']);
  });

  it('import each file by its name with its ending', () => {
    const odd = imports.filter(({ target }) => target !== null && !/\.(ts|js|json)$/.test(target));
    expect(named(odd)).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
}
