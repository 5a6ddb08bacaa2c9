import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../lib/base/facts.ts';
import { crossCheckDisks } from '../../lib/disk/cross-check.ts';
import { parseDiskSpecs } from '../../lib/disk/parse.ts';
import { factsOf, imageFile } from '../support/facts.ts';

const shared = imageFile('raw', { identity: '1:42' });
const device = { kind: 'block', readable: true, writable: true, size: 1, device: 'fd:0' } as const;
const paths: HostFacts['paths'] = {
  '/a': shared,
  '/link-to-a': shared,
  '/b': imageFile(),
  '/dev/vg/x': { ...device, identity: '5:1' },
  '/dev/dm-0': { ...device, identity: '5:2' },
};

function check(specs: readonly string[], facts: Partial<HostFacts> = {}) {
  const disks = specs.map((spec, index) => ({
    disk: parseDiskSpecs([spec]),
    where: { source: 'test.cfg', line: index + 1 },
  }));
  return crossCheckDisks(disks, factsOf({ paths, ...facts }));
}
const summary = (...args: Parameters<typeof check>) =>
  check(...args).map(({ severity, code, where }) => `${severity} ${code} line ${where?.line ?? 0}`);

describe('two names of one device', () => {
  it.each([
    [['/a,,hda,r', '/b,,hda,r']],
    [['/a,,hda,r', '/b,,768,r']],
    [['/a,,xvda,r', '/b,,d0p0,r']],
    [['/a,,xvdq,r', '/b,,268439552,r']],
  ])('%j are refused', (specs) => {
    expect(summary(specs)).toEqual(['error duplicate-device line 2']);
    expect(check(specs)[0]?.message).toContain('are one device, number');
  });

  it('are not there in hda and hda1, or in a name that is none', () => {
    expect(check(['/a,,hda,r', '/b,,hda1,r', '/b,,nonsense,r', '/b,,nonsense,r'])).toEqual([]);
  });
});

describe('an image that somebody writes to', () => {
  it.each<[specs: string[], found: string[]]>([
    [['/a,,xvda,w', '/a,,xvdb,w'], ['error disk-shared line 2']],
    [['/a,,xvda,w', '/link-to-a,,xvdb,r'], ['error disk-shared line 2']],
    [['/dev/vg/x,,xvda,w', '/dev/dm-0,,xvdb,w'], ['error disk-shared line 2']],
    [['/unread,,xvda,w', '/unread,,xvdb,w'], ['error disk-shared line 2']],
    [
      ['vdev=xvda,backendtype=qdisk,target=/a', 'vdev=xvdb,backendtype=qdisk,target=/a'],
      ['warning disk-shared line 2'],
    ],
    [['/a,,xvda,r', '/link-to-a,,xvdb,r'], []],
    [['/a,,xvda,w', '/b,,xvdb,w'], []],
    [['script=x,vdev=xvda,target=/a', 'script=x,vdev=xvdb,target=/a'], []],
    [['/a,,xvda,w,backend=d', '/a,,xvdb,w'], []],
    [['vdev=hdc,cdrom', 'vdev=hdd,cdrom'], []],
  ])('in one configuration: %j', (specs, found) => {
    expect(summary(specs)).toEqual(found);
  });

  const running = (mode: 'r' | 'w', path = '/link-to-a'): Partial<HostFacts> => ({
    domains: [{ domid: 5, name: 'db', uuid: null, images: [{ path, vdev: 'xvdz', mode }] }],
  });

  it.each<[spec: string, facts: Partial<HostFacts>, found: string[]]>([
    ['/a,,xvda,w', running('w'), ['error disk-shared line 1']],
    ['/a,,xvda,w', running('r'), ['error disk-shared line 1']],
    ['/a,,xvda,r', running('w'), ['error disk-shared line 1']],
    ['/a,,xvda,r', running('r'), []],
    ['/a,,xvda,w', running('w', '/elsewhere'), []],
    ['/unread,,xvda,w', running('w', '/unread'), ['error disk-shared line 1']],
    ['vdev=xvda,backendtype=qdisk,target=/a', running('w'), ['warning disk-shared line 1']],
  ])('and another domain: %s %j', (spec, facts, found) => {
    expect(summary([spec], facts)).toEqual(found);
  });

  it('is named with who uses it, and how', () => {
    expect(check(['/a,,xvda,w'], running('r'))[0]?.message).toBe(
      'domain db reads /a as its xvdz, and xvda would write to it',
    );
  });
});
