import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DOMCTL_VERSIONS } from '../../../lib/xen/abi/domctl.ts';
import { array, between, bytes, place, struct } from '../../../lib/xen/abi/layout.ts';
import { SYSCTL_VERSIONS } from '../../../lib/xen/abi/sysctl.ts';
import { factsOfHeaders, factsOfReleases, ourFacts, type Facts } from './headers.ts';

const releases = factsOfReleases(readFileSync(join(import.meta.dirname, '../../fixtures/xen-abi/facts.txt'), 'utf8'));

/** What is absent from a release's headers is not asked of it, and so cannot differ. */
const presentIn = (facts: Facts, ours: Facts): Facts =>
  Object.fromEntries(Object.entries(ours).filter(([name]) => facts[name] !== 'absent'));
const onlyNamedIn = (ours: Facts, facts: Facts): Facts =>
  Object.fromEntries(Object.entries(facts).filter(([name, value]) => name in ours && value !== 'absent'));

describe('the tables of structs and constants', () => {
  it.each([...releases])('are those of the headers of Xen %s', (_, facts) => {
    const ours = ourFacts(Number(facts.XEN_DOMCTL_INTERFACE_VERSION));
    expect(presentIn(facts, ours)).toEqual(onlyNamedIn(ours, facts));
    expect(Object.keys(presentIn(facts, ours)).length).toBeGreaterThan(400);
  });

  it.each([
    ['XEN_DOMCTL_INTERFACE_VERSION', DOMCTL_VERSIONS],
    ['XEN_SYSCTL_INTERFACE_VERSION', SYSCTL_VERSIONS],
  ])('know every %s of these releases, and no other', (name, known) => {
    const spoken = new Set([...releases.values()].map((facts) => Number(facts[name])));
    expect(known.map(({ version }) => version)).toEqual([...spoken]);
  });

  const missing = whatIsMissingForC();
  it.skipIf(missing !== null)(`are those of the headers on this machine${missing ?? ''}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'xl-ts-abi-'));
    try {
      // The version that the headers speak decides which fields to ask them for.
      const { XEN_DOMCTL_INTERFACE_VERSION: version } = factsOfHeaders('/usr/include', 0x15, directory);
      const facts = factsOfHeaders('/usr/include', Number(version), directory);
      const ours = ourFacts(Number(version));
      expect(presentIn(facts, ours)).toEqual(onlyNamedIn(ours, facts));
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

/** Why no C program can be compiled against Xen's headers, as an addition to a title; null where one can. */
function whatIsMissingForC(): string | null {
  if (!existsSync('/usr/include/xen/sys/privcmd.h')) return ' (skipped: no libxen-dev)';
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return null;
  } catch {
    return ' (skipped: no cc)';
  }
}

describe('place', () => {
  const shape = (layout: Parameters<typeof place>[0], version?: number) => {
    const { size, align, fields } = place(layout, version);
    return { size, align, at: Object.fromEntries(fields.map(({ name, offset }) => [name, offset])) };
  };

  it('puts each field at the next multiple of its alignment, and pads the end', () => {
    const layout = struct('s', { a: 'u8', b: 'u32', c: 'u8', d: 'u64', e: 'u16' });
    expect(shape(layout)).toEqual({ size: 32, align: 8, at: { a: 0, b: 4, c: 8, d: 16, e: 24 } });
  });

  it('aligns arrays and inner structs as what is in them', () => {
    const inner = struct('inner', { x: 'u8', y: 'u16' });
    const layout = struct('s', { a: 'u8', b: array('u32', 3), c: bytes(3), d: inner, e: array(inner, 2) });
    expect(shape(layout)).toEqual({ size: 32, align: 4, at: { a: 0, b: 4, c: 16, d: 20, e: 24 } });
  });

  it('leaves out what a version does not have: from `since` on, before `until`', () => {
    const layout = struct('s', { old: between({ until: 3 }, 'u32'), recent: between({ since: 2 }, 'u32'), last: 'u8' });
    expect([1, 2, 3].map((version) => shape(layout, version).at)).toEqual([
      { old: 0, last: 4 },
      { old: 0, recent: 4, last: 8 },
      { recent: 0, last: 4 },
    ]);
  });

  it('gives an empty struct no bytes', () => {
    expect(shape(struct('s', {}))).toEqual({ size: 0, align: 1, at: {} });
  });
});
