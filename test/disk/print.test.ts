import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import type { Disk } from '../../lib/disk/disk.ts';
import { parseDiskSpecs, type Dialect } from '../../lib/disk/parse.ts';
import { printDisk } from '../../lib/disk/print.ts';
import { anySpecification, soundSpecification, withoutPrefix } from './specifications.ts';

describe("a disk written in today's form", () => {
  it.each([
    ['/dev/vg/a,,xvda,w', 'format=raw,vdev=xvda,access=rw,target=/dev/vg/a'],
    ['phy:sdb,xvda,r', 'format=raw,vdev=xvda,access=ro,target=/dev/sdb'],
    ['tap2:vhd:/a.vhd,xvda,w', 'format=vhd,vdev=xvda,access=rw,target=/a.vhd'],
    [',hdc:cdrom,r', 'vdev=hdc,devtype=cdrom,target='],
    ['vdev=hdc,cdrom', 'vdev=hdc,devtype=cdrom'],
    ['/i.iso,,hdc,cdrom', 'format=raw,vdev=hdc,devtype=cdrom,target=/i.iso'],
    ['drbd:r0,xvda,w', 'format=raw,vdev=xvda,access=rw,script=block-drbd,target=r0'],
    ['vdev=xvda,target=/a,,', 'format=raw,vdev=xvda,access=rw,target=/a,,'],
    ['/a\nb,raw,xvda,w', '/a\nb,format=raw,vdev=xvda,access=rw'],
    ['dmu:dscow:/c:/b,hda,w', 'format=raw,vdev=hda,access=rw,script=block-dscow,target=dscow:/c:/b'],
    [
      'vdev=hda,colo-params=[::1]:9:exportname=e,active-disk=/a,hidden-disk=/h,target=/x',
      'format=raw,vdev=hda,access=rw,colo,colo-host=::1,colo-port=9,colo-export=e,active-disk=/a,hidden-disk=/h,target=/x',
    ],
  ])('%j is %j', (spec, written) => {
    expect(printDisk(parseDiskSpecs([spec]))).toBe(written);
  });

  it.each<Dialect>(['xl', 'extended'])('is the same disk when it is read again in dialect %s', (dialect) => {
    fc.assert(
      fc.property(fc.oneof(anySpecification, soundSpecification), (spec) => {
        const disk = parsed(spec, dialect);
        if (disk === null) return;
        expect(parseDiskSpecs([printDisk(disk)], { dialect })).toEqual(withoutPrefix(disk));
      }),
      { numRuns: 3000 },
    );
  });
});

function parsed(spec: string, dialect: Dialect): Disk | null {
  try {
    return parseDiskSpecs([spec], { dialect });
  } catch (error) {
    if (error instanceof XlError) return null;
    throw error;
  }
}
