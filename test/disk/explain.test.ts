import { describe, expect, it } from 'vitest';
import type { HostFacts } from '../../lib/base/facts.ts';
import { decideBackend } from '../../lib/disk/backend.ts';
import { explainDisk } from '../../lib/disk/explain.ts';
import { readDisk } from '../../lib/disk/parse.ts';
import { factsOf, imageFile } from '../support/facts.ts';

function explain(spec: string, paths: HostFacts['paths']): string {
  const reading = readDisk([spec]);
  const facts = factsOf({ paths });
  const decision = decideBackend(reading.disk, facts, {
    domainType: 'pvh',
    hotplug: false,
    backendDomid: 0,
    domid: '1',
  });
  return explainDisk(reading, decision, facts.paths[reading.disk.pdevPath ?? ''] ?? null)
    .map(({ title, rows }) => [title, ...rows.map(([subject, text]) => `  ${subject} | ${text}`)].join('\n'))
    .join('\n');
}

describe('an explained disk', () => {
  it('reads from the specification to the backend and back', () => {
    const overlay = imageFile('qcow2', {
      image: {
        format: 'qcow2',
        virtualSize: 1048576,
        problems: [],
        backing: {
          name: 'base.raw',
          path: '/srv/base.raw',
          declaredFormat: 'raw',
          state: 'missing',
          image: null,
        },
      },
    });
    expect(explain('tap2:qcow2:/srv/o.qcow2,xvda,w!', { '/srv/o.qcow2': overlay })).toMatchInlineSnapshot(`
      "the disk
        vdev | xvda, device number 51712
        target | /srv/o.qcow2
        format | qcow2
        access | read-write
        specification | xen
        discard | passed on
        prefix | tap2:, which chose the device class in xend's time
      its target
        kind | a file of 67108864 bytes
        image | qcow2, a disk of 1048576 bytes
        rests on | /srv/base.raw, declared raw, which is not there
      its backend
        qdisk | (qdisk) the first of phy, qdisk, tap, standalone that fits; QEMU opens the image as qcow2
        not phy | Disk vdev=xvda, backend phy unsuitable due to format qcow2
        not tap | Disk vdev=xvda, backend tap unsuitable because blktap not available
        not standalone | Disk vdev=xvda, backend standalone not compatible with specification xen
        not tap2 | blktap 2 left Xen with 4.10; \`tap2:\` chooses nothing any more, backendtype=tap is its heir
      remarks
        warning | xl refuses the access \`w!\`; write w; \`w!\` switched off xend's check that nobody else writes to the disk, and today it stays on
        error | /srv/o.qcow2 rests on /srv/base.raw, which is not there; put it back, or qemu-img rebase -u -b NEWBASE /srv/o.qcow2
      written today
         | format=qcow2,vdev=xvda,access=rw,target=/srv/o.qcow2"
    `);
  });

  it('says why there is no backend', () => {
    expect(explain('/gone,raw,vda,w', { '/gone': { kind: 'missing', errno: 'ENOENT' } })).toMatchInlineSnapshot(`
      "the disk
        vdev | vda, which is no name of a disk
        target | /gone
        format | raw
        access | read-write
        specification | xen
        discard | passed on
      its target
        kind | nothing is there (ENOENT)
      its backend
        none | Disk vdev=vda failed to stat: /gone: No such file or directory
        not phy | Disk vdev=vda, backend phy unsuitable as phys path not a block device
        not qdisk | Disk vdev=vda failed to stat: /gone: No such file or directory
        not tap | Disk vdev=vda, backend tap unsuitable because blktap not available
        not standalone | Disk vdev=vda, backend standalone not compatible with specification xen
      remarks
        error | Disk vdev=vda failed to stat: /gone: No such file or directory; make it first: truncate -s 10G /gone, or qemu-img create
      written today
         | format=raw,vdev=vda,access=rw,target=/gone"
    `);
  });
});
