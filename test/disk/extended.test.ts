import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import type { Disk } from '../../lib/disk/disk.ts';
import { parseDiskSpecs, readDisk, type DiskReading } from '../../lib/disk/parse.ts';
import { anySpecification, soundSpecification, withoutPrefix } from './specifications.ts';

function attempt(spec: string, dialect: 'xl' | 'extended'): DiskReading | XlError {
  try {
    return readDisk([spec], { dialect });
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
}

const extended: [spec: string, expected: Partial<Disk>, codes: string[]][] = [
  ['tap:aio:/i.img,xvda,w', { pdevPath: '/i.img', format: 'raw', legacyPrefix: 'tap' }, []],
  ['tap2:vhd:/i.vhd,xvda,w', { pdevPath: '/i.vhd', format: 'vhd', legacyPrefix: 'tap2' }, []],
  ['tap2:tapdisk:aio:/i.img,xvda,w', { format: 'raw', legacyPrefix: 'tap2' }, []],
  ['tap:sync:/i.img,xvda,w', { pdevPath: '/i.img', format: 'raw', legacyPrefix: 'tap' }, ['disk-sync-driver']],
  ['tapdisk:aio:/i.img,xvda,r', { readwrite: 0, legacyPrefix: 'tapdisk' }, []],
  ['file:/i.img,ioemu:hda,w', { vdev: 'hda', legacyPrefix: 'file' }, []],
  ['/dev/mapper/base,ioemu:hda,w', { pdevPath: '/dev/mapper/base', vdev: 'hda', legacyPrefix: 'ioemu' }, []],
  ['phy:/dev/sdb,xvda,w!', { readwrite: 1 }, ['disk-access-forced']],
  ['phy:sdb,xvda,w', { pdevPath: '/dev/sdb' }, ['disk-relative-device']],
  ['phy:vg0/web,xvda,w', { pdevPath: '/dev/vg0/web' }, ['disk-relative-device']],
  ['phy:/x,/dev/hda,w', { vdev: 'hda' }, ['disk-vdev-path']],
  ['phy:/x,xvda,w,storage', { backendDomname: 'storage' }, ['disk-xend-tuple']],
  ['phy:/x,xvda,w,0,x86_32-abi', { backendDomname: '0' }, ['disk-xend-tuple', 'disk-xend-tuple']],
  ['/x, raw ,xvda , w ', { format: 'raw', vdev: 'xvda', readwrite: 1 }, ['disk-blanks', 'disk-blanks', 'disk-blanks']],
  ['vdev = xvda, target=/x', { vdev: 'xvda' }, ['disk-blanks', 'disk-blanks']],
  ['/i.iso,raw,hdc,cdrom ', { isCdrom: 1 }, ['disk-blanks']],
  ['/x,raw,xvda,w=', { readwrite: 1 }, ['disk-dangling-equals']],
  [
    'vdev=hda,colo,colo-params=192.0.2.1:9000:exportname=d1,active-disk=/a,hidden-disk=/h,target=/x',
    { coloEnable: true, coloHost: '192.0.2.1', coloPort: 9000, coloExport: 'd1', activeDisk: '/a', hiddenDisk: '/h' },
    ['disk-colo-params'],
  ],
  [
    'vdev=hda,colo-params=[2001:db8::1]:65535:exportname=d1,target=/x',
    { coloEnable: true, coloHost: '2001:db8::1', coloPort: 65535 },
    ['disk-colo-params'],
  ],
  ['vdev=hda,no-colo,colo-params=h:1:exportname=e,target=/x', { coloEnable: false }, ['disk-colo-params']],
  [
    'dmu:dscow:/tmp/w.dscow:/images/w.img,ioemu:hda,w',
    {
      pdevPath: 'dscow:/tmp/w.dscow:/images/w.img',
      script: 'block-dscow',
      vdev: 'hda',
      format: 'raw',
      readwrite: 1,
      legacyPrefix: 'dmu',
    },
    ['disk-dmu'],
  ],
];

describe('the extended dialect', () => {
  it.each(extended)('takes %s', (spec, expected, codes) => {
    const { disk, warnings } = readDisk([spec]);
    expect(disk).toMatchObject(expected);
    expect(warnings.map(({ code }) => code)).toEqual(codes);
    expect(warnings.every(({ severity, hint }) => severity === 'warning' && hint !== undefined)).toBe(true);
  });

  it.each([
    ['vdev=hda,colo-params=h:0:exportname=e,target=/x', 'unknown value for colo-params'],
    ['vdev=hda,colo-params=::1:80:exportname=e,target=/x', 'unknown value for colo-params'],
    ['vdev=hda,colo-params=h:80:exportname=,target=/x', 'unknown value for colo-params'],
    ['vdev=hda,colo-params=h:80,target=/x', 'unknown value for colo-params'],
    ['vdev=hda,colo-host=a,colo-params=h:80:exportname=e,target=/x', 'colo-host respecified'],
    ['dmu:qcow:/c:/b,hda,w', 'unknown value for dmu'],
    ['dmu:dscow:/c,hda,w', 'unknown value for dmu'],
    ['sync:/x,xvda,w', 'unknown deprecated disk prefix'],
    ['tap:vmdk:/x,xvda,w', 'unknown deprecated disk prefix'],
    ['phy:/x,xvda,w,dom0,vax-abi', 'unknown value for protocol'],
    ['phy:/x,xvda,w,dom0,native,more', 'too many positional parameters'],
    ['/x,raw,xvda,w,dom0', 'too many positional parameters'],
    ['grant_usage=maybe,vdev=xvda,target=/x', 'unknown value for grant_usage'],
    ['/x,raw,xvda,w!!', 'unknown value for access'],
  ])('refuses %s', (spec, message) => {
    expect(attempt(spec, 'extended')).toMatchObject({ messages: [message] });
  });

  it('keeps no prefix in dialect xl', () => {
    expect(parseDiskSpecs(['tap2:aio:/x,xvda,w'], { dialect: 'xl' })).not.toHaveProperty('legacyPrefix');
  });

  it('says so in a warning wherever xl refuses or means something else', () => {
    fc.assert(
      fc.property(fc.oneof(anySpecification, soundSpecification), (spec) => {
        const ours = attempt(spec, 'extended');
        if (ours instanceof XlError || ours.warnings.length > 0) return;
        const xl = attempt(spec, 'xl');
        expect(xl).not.toBeInstanceOf(XlError);
        expect(withoutPrefix(ours.disk)).toEqual((xl as DiskReading).disk);
      }),
      { numRuns: 3000 },
    );
  });

  it('takes all that xl takes', () => {
    fc.assert(
      fc.property(fc.oneof(anySpecification, soundSpecification), (spec) => {
        // A target that is a flag with blanks behind it is xl's alone.
        fc.pre(!/(cdrom|discard|trusted|colo|direct-io-safe)[ \t]+(,|$)/.test(spec));
        if (attempt(spec, 'xl') instanceof XlError) return;
        expect(attempt(spec, 'extended')).not.toBeInstanceOf(XlError);
      }),
      { numRuns: 3000 },
    );
  });
});
