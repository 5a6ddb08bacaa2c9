import { describe, expect, it } from 'vitest';
import type { HostFacts, ImageFacts, PathFacts } from '../../lib/base/facts.ts';
import { show } from '../../lib/base/text.ts';
import { decideBackend } from '../../lib/disk/backend.ts';
import type { BackendDecision, DecisionContext } from '../../lib/disk/decision.ts';
import type { DiskBackend } from '../../lib/disk/disk.ts';
import { parseDiskSpecs } from '../../lib/disk/parse.ts';
import { factsOf, imageFile } from '../support/facts.ts';

const special = (kind: 'block' | 'char' | 'directory' | 'fifo' | 'socket'): PathFacts => ({
  kind,
  readable: true,
  writable: true,
  size: 0,
  identity: `9:${kind}`,
});
const qcow2On = (backing: Partial<NonNullable<ImageFacts['backing']>>): PathFacts =>
  imageFile('qcow2', {
    image: {
      format: 'qcow2',
      virtualSize: 1,
      problems: [],
      backing: { name: 'base', path: '/base', declaredFormat: 'raw', state: 'ok', image: null, ...backing },
    },
  });

const paths: HostFacts['paths'] = {
  '/dev/vg/a': special('block'),
  '/r.img': imageFile('raw'),
  '/q.qcow2': imageFile('qcow2'),
  '/v.vhd': imageFile('vhd'),
  '/i.iso': imageFile('iso'),
  '/dev/null': special('char'),
  '/dir': special('directory'),
  '/fifo': special('fifo'),
  '/sock': special('socket'),
  '/gone': { kind: 'missing', errno: 'ENOENT' },
  '/locked': { kind: 'missing', errno: 'EACCES' },
  '/nfs/slow': { kind: 'missing', errno: 'ETIMEDOUT' },
  '/secret': imageFile('raw', { readable: false }),
  '/kept': imageFile('raw', { writable: false }),
  'r.img': imageFile('raw'),
  'a:b': imageFile('raw'),
};

interface Setting {
  readonly xen?: string;
  readonly type?: DecisionContext['domainType'];
  readonly hotplug?: boolean;
  readonly backendDomid?: number;
  readonly facts?: Partial<HostFacts>;
}

function decide(spec: string, setting: Setting = {}): BackendDecision {
  const facts = factsOf({ xenVersion: setting.xen ?? '4.20.0', paths, ...setting.facts });
  return decideBackend(parseDiskSpecs([spec]), facts, {
    domainType: setting.type ?? 'pvh',
    hotplug: setting.hotplug ?? false,
    backendDomid: setting.backendDomid ?? 0,
    domid: '7',
  });
}

const withBlktap: Partial<HostFacts> = {
  tools: { tapCtl: '/usr/sbin/tap-ctl', tapback: true, blockScripts: ['block', 'block-x'] },
};
const old: Setting = { xen: '4.17.7' };
const reasonFor = (decision: BackendDecision, backend: DiskBackend): string | undefined =>
  decision.alternatives.find((alternative) => alternative.backend === backend)?.reason;
const codes = ({ warnings }: BackendDecision): string[] => warnings.map(({ code }) => code);

// What xl 4.17.7 was seen to do, and what Xen 4.19 and later do by their source.
describe('the backend of a disk', () => {
  const cases: [spec: string, setting: Setting, chosen: DiskBackend][] = [
    ['/dev/vg/a,raw,xvda,w', {}, 'phy'],
    ['/r.img,raw,xvda,w', {}, 'phy'],
    ['/r.img,raw,xvda,w', { facts: { host: 'embedded' } }, 'phy'],
    ['r.img,raw,xvda,w', {}, 'phy'],
    ['a:b,raw,xvda,w', {}, 'phy'],
    ['script=block-x,vdev=xvda,target=anything at all', {}, 'phy'],
    ['dmu:dscow:/c:/b,xvda,w', {}, 'phy'],
    ['/nowhere,raw,xvda,w,backend=d', { backendDomid: 3 }, 'phy'],
    ['/nowhere,qcow2,xvda,w,backend=d', { backendDomid: 3 }, 'qdisk'],
    ['/q.qcow2,qcow2,xvda,w', {}, 'qdisk'],
    ['/v.vhd,vhd,xvda,w', {}, 'qdisk'],
    ['/v.vhd,vhd,xvda,w,backendtype=tap', { facts: withBlktap }, 'tap'],
    ['/r.img,raw,xvda,w,backendtype=tap', { facts: withBlktap }, 'tap'],
    ['script=block-x,format=vhd,vdev=xvda,target=t', { facts: withBlktap }, 'tap'],
    ['/r.img,raw,xvda,w,backendtype=qdisk', {}, 'qdisk'],
    ['tap2:aio:/r.img,xvda,w', {}, 'phy'],
    ['/r.img,raw,xvda,w,specification=virtio', {}, 'standalone'],
    ['/nowhere,raw,xvda,w,specification=virtio,backend=d', { backendDomid: 3 }, 'standalone'],
    [
      '/r.img,raw,hda,w,colo,colo-host=h,colo-port=1,colo-export=e,active-disk=/a,hidden-disk=/h',
      { type: 'hvm' },
      'qdisk',
    ],
    ['/i.iso,raw,hdc,cdrom', {}, 'phy'],
    ['/i.iso,raw,hdc,cdrom', { type: 'hvm' }, 'qdisk'],
    ['/i.iso,raw,hdc,cdrom,backendtype=phy', { type: 'hvm' }, 'phy'],
    ['vdev=hdc,cdrom', { type: 'hvm' }, 'qdisk'],
    ['vdev=hdc,cdrom', { type: 'hvm', ...old }, 'qdisk'],
    ['vdev=hdc,cdrom', { type: 'pv' }, 'phy'],
    ['vdev=hdc,cdrom', { type: 'pv', ...old }, 'qdisk'],
    ['vdev=xvda,backendtype=qdisk,target=rbd:pool/image', {}, 'qdisk'],
  ];
  it.each(cases)('%s %j is %s', (spec, setting, chosen) => {
    const decision = decide(spec, setting);
    expect(decision).toMatchObject({ chosen, error: null });
    expect(decision.alternatives.filter(({ verdict }) => verdict === 'chosen').map(({ backend }) => backend)).toEqual([
      chosen,
    ]);
  });

  it('comes with the directory in xenstore and the script that runs', () => {
    expect(decide('/r.img,raw,xvda,w')).toMatchObject({ deviceClass: 'vbd', script: 'block' });
    expect(decide('script=block-x,vdev=xvda,target=t')).toMatchObject({ deviceClass: 'vbd', script: 'block-x' });
    expect(decide('/q.qcow2,qcow2,xvda,w')).toMatchObject({ deviceClass: 'qdisk', script: null });
    expect(decide('/v.vhd,vhd,xvda,w,backendtype=tap', { facts: withBlktap })).toMatchObject({
      deviceClass: 'vbd3',
      script: 'block-tap',
    });
    expect(decide('/r.img,raw,xvda,w,specification=virtio')).toMatchObject({
      deviceClass: 'virtio_disk',
      transport: 'mmio',
      grantUsage: false,
    });
  });
});

describe('what libxl fills in', () => {
  it('is said of the disk', () => {
    expect(decide('/r.img,raw,xvda,w')).toMatchObject({
      discardEnable: true,
      trusted: true,
      coloEnable: false,
      specification: 'xen',
      transport: 'unknown',
      grantUsage: null,
      backendDomid: 0,
      pdevPath: '/r.img',
      format: 'raw',
      emptyCdromFile: null,
    });
    expect(decide('/r.img,raw,xvda,r')).toMatchObject({ discardEnable: false });
    expect(decide('/r.img,raw,xvda,w,no-discard,untrusted')).toMatchObject({ discardEnable: false, trusted: false });
  });

  it('is a file for the empty drive that blkback serves', () => {
    const { emptyCdromFile, pdevPath } = decide('vdev=hdc,cdrom', { type: 'pv' });
    expect(emptyCdromFile === null ? null : show(emptyCdromFile)).toBe('/var/run/xen/empty-cdrom.7');
    expect(pdevPath).toBeNull();
    expect(decide('vdev=hdc,cdrom', { type: 'hvm' }).emptyCdromFile).toBeNull();
  });

  it('is grant_usage for virtio disks of Xen 4.19 and later', () => {
    const virtio = '/r.img,raw,xvda,w,specification=virtio';
    expect(decide(`${virtio},backend=d`, { backendDomid: 3 }).grantUsage).toBe(true);
    expect(decide(`${virtio},grant_usage=1`).grantUsage).toBe(true);
    expect(decide(`${virtio},grant_usage=1`, old)).toMatchObject({
      grantUsage: null,
      warnings: [{ code: 'disk-grant-usage' }],
    });
  });
});

describe('every alternative', () => {
  it("has libxl's own reason", () => {
    const decision = decide('/q.qcow2,qcow2,xvda,w', old);
    expect(decision.reason).toBe('the first of phy, qdisk, tap, standalone that fits; QEMU opens the image as qcow2');
    expect(decision.alternatives.map(({ backend, verdict, rule, reason }) => [backend, verdict, rule, reason])).toEqual(
      [
        ['phy', 'refused', 'format', 'Disk vdev=xvda, backend phy unsuitable due to format qcow2'],
        ['qdisk', 'chosen', 'fits', 'QEMU opens the image as qcow2'],
        ['tap', 'refused', 'version', 'Disk vdev=xvda, backend tap unsuitable because blktap not available'],
        [
          'standalone',
          'refused',
          'specification',
          'Disk vdev=xvda, backend standalone not compatible with specification xen',
        ],
      ],
    );
  });

  it.each<[spec: string, setting: Setting, backend: DiskBackend, reason: string]>([
    ['/q.qcow2,qcow2,xvda,w', {}, 'tap', 'Disk vdev=xvda, backend tap unsuitable due to format qcow2'],
    ['/dev/null,raw,xvda,w', {}, 'phy', 'Disk vdev=xvda, backend phy unsuitable as phys path not a block device'],
    [
      'script=x,format=qcow2,vdev=xvda,target=t',
      {},
      'qdisk',
      'Disk vdev=xvda, backend qdisk not compatible with script=x',
    ],
    ['/r.img,raw,hda,w,colo', { type: 'hvm' }, 'phy', 'Disk vdev=hda, backend phy not compatible with colo'],
    ['/q.qcow2,qcow2,hda,w,colo', { type: 'hvm' }, 'phy', 'Disk vdev=hda, backend phy not compatible with colo'],
    [
      '/q.qcow2,qcow2,hda,w,colo',
      { type: 'hvm', ...old },
      'phy',
      'Disk vdev=hda, backend phy unsuitable due to format qcow2',
    ],
    [
      '/r.img,raw,xvda,w,specification=virtio',
      {},
      'phy',
      'Disk vdev=xvda, backend phy not compatible with specification virtio',
    ],
    ['vdev=hdc,cdrom', { type: 'pv' }, 'phy', 'Disk vdev=hdc is an empty cdrom'],
    ['/v.vhd,vhd,xvda,w', {}, 'tap', 'Disk vdev=xvda, backend tap unsuitable because tap-ctl is not installed'],
    [
      '/v.vhd,vhd,xvda,w',
      { facts: { tools: { tapCtl: '/t', tapback: false, blockScripts: [] } } },
      'tap',
      'Disk vdev=xvda, backend tap unsuitable because tapback does not run',
    ],
    [
      '/i.iso,raw,hdc,cdrom',
      { type: 'hvm', facts: withBlktap },
      'tap',
      'CD-ROM drives of HVM guests are not served by it',
    ],
    [
      '/x,raw,xvda,w,backend=d',
      { backendDomid: 3 },
      'phy',
      'Disk vdev=xvda, is using a storage driver domain, skipping physical device check',
    ],
    ['script=block-x,vdev=xvda,target=t', {}, 'phy', 'Disk vdev=xvda, uses script=block-x assuming phy backend'],
  ])('of %s %j: %s', (spec, setting, backend, reason) => {
    expect(reasonFor(decide(spec, setting), backend)).toBe(reason);
  });

  it('that would do as well is called possible', () => {
    const verdicts = (spec: string, setting?: Setting) =>
      Object.fromEntries(
        decide(spec, setting).alternatives.map(({ backend, verdict }): [string, string] => [backend ?? '', verdict]),
      );
    expect(verdicts('/r.img,raw,xvda,w', { facts: withBlktap })).toEqual({
      phy: 'chosen',
      qdisk: 'possible',
      tap: 'possible',
      standalone: 'refused',
    });
    expect(verdicts('/r.img,raw,xvda,w,backendtype=qdisk')).toMatchObject({ phy: 'possible', qdisk: 'chosen' });
  });

  it("of xend's time is named where the specification asks for it", () => {
    const classes = (spec: string) =>
      decide(spec)
        .alternatives.filter(({ rule }) => rule === 'legacy-class')
        .map(({ deviceClass }) => deviceClass);
    expect(classes('tap2:aio:/r.img,xvda,w')).toEqual(['tap2']);
    expect(classes('tap:aio:/r.img,xvda,w')).toEqual(['tap']);
    expect(classes('phy:/dev/vg/a,xvda,w')).toEqual([]);
  });
});

describe('what libxl refuses is refused in its words', () => {
  it.each<[spec: string, setting: Setting, message: string]>([
    ['/gone,raw,xvda,w', {}, 'Disk vdev=xvda failed to stat: /gone: No such file or directory'],
    ['/gone,qcow2,xvda,w', {}, 'Disk vdev=xvda failed to stat: /gone: No such file or directory'],
    ['/locked,raw,xvda,w', {}, 'Disk vdev=xvda failed to stat: /locked: Permission denied'],
    ['/gone,raw,xvda,w,backendtype=phy', {}, 'Disk vdev=xvda failed to stat: /gone: No such file or directory'],
    ['rbd:pool,raw,xvda,w', {}, 'Disk vdev=xvda failed to stat: rbd:pool: No such file or directory'],
    [',raw,xvda,w', {}, 'Disk vdev=xvda failed to stat: : No such file or directory'],
    ['/x,empty,xvda,w', {}, 'Disk vdev=xvda is empty but not cdrom'],
    [',xvda:disk,w', {}, 'Disk vdev=xvda is empty but not cdrom'],
    ['/i.iso,empty,hdc,cdrom', {}, 'Disk vdev=hdc is empty but an image has been provided: /i.iso'],
    [
      '/i.iso,raw,hdc,cdrom,backendtype=tap',
      { type: 'hvm' },
      'Backend for CD devices on HVM guests must be Qdisk or Phy',
    ],
    [
      '/i.iso,raw,hdc,cdrom,backendtype=phy',
      { type: 'hvm', ...old },
      'Backend for CD devices on HVM guests must be Qdisk',
    ],
    ['/r.img,raw,xvda,w,specification=virtio', { hotplug: true }, "Hotplug isn't supported for specification virtio"],
    ['script=x,vdev=hdc,cdrom,target=t', { type: 'hvm' }, 'no suitable backend for disk hdc'],
    ['/dev/null,raw,xvda,w,backendtype=phy', {}, 'no suitable backend for disk xvda'],
    ['/q.qcow2,qcow2,xvda,w,backendtype=phy', {}, 'no suitable backend for disk xvda'],
    ['/r.img,raw,xvda,w,backendtype=standalone', {}, 'no suitable backend for disk xvda'],
    ['/r.img,raw,xvda,w,backendtype=tap', old, 'no suitable backend for disk xvda'],
    ['script=x,format=qcow2,vdev=xvda,target=t', {}, 'no suitable backend for disk xvda'],
    ['/q.qcow2,qcow2,xvda,w,specification=virtio', {}, 'no suitable backend for disk xvda'],
  ])('%s %j: %s', (spec, setting, message) => {
    expect(decide(spec, setting)).toMatchObject({
      chosen: null,
      deviceClass: null,
      script: null,
      error: { severity: 'error', message },
    });
  });

  it('with the reasons that libxl keeps for its debug log, and what would do', () => {
    const { error } = decide('/v.vhd,vhd,xvda,w,backendtype=tap');
    expect(error?.hint).toBe('tap: unsuitable because tap-ctl is not installed; backendtype=qdisk would serve it');
    const nothing = decide('script=x,format=qcow2,vdev=xvda,target=t');
    expect(nothing.error?.hint).toMatch(
      /^phy: unsuitable due to format qcow2; qdisk: not compatible with script=x; tap: /,
    );
  });

  it('and leaves no other backend possible, but where only the backend is wrong', () => {
    const possible = (spec: string, setting: Setting) =>
      decide(spec, setting)
        .alternatives.filter(({ verdict }) => verdict === 'possible')
        .map(({ backend }) => backend);
    expect(possible('/gone,raw,xvda,w', {})).toEqual([]);
    expect(possible(',xvda:disk,w', {})).toEqual([]);
    expect(possible('/i.iso,raw,hdc,cdrom,backendtype=tap', { type: 'hvm', facts: withBlktap })).toEqual([
      'phy',
      'qdisk',
    ]);
  });

  it.each(['/nfs/slow,raw,xvda,w', '/nfs/slow,qcow2,xvda,w'])(
    'and %s, which did not answer, is not called missing',
    (spec) => {
      const { error } = decide(spec);
      expect(error).toMatchObject({
        code: 'disk-image-silent',
        message: expect.stringContaining('did not answer') as string,
      });
      expect(error?.hint).toContain('may well be there');
    },
  );

  it('and a path that nobody looked at is not called missing', () => {
    expect(decide('/unread,raw,xvda,w').error?.message).toContain('not among the host facts');
    expect(decide('constructor,raw,xvda,w').error?.message).toContain('not among the host facts');
  });
});

describe('what libxl lets pass and what then does not work', () => {
  it.each<[spec: string, setting: Setting, chosen: DiskBackend, code: string]>([
    ['/gone,raw,xvda,w,backendtype=qdisk', {}, 'qdisk', 'disk-image-missing'],
    ['/gone,raw,hdc,cdrom', { type: 'hvm' }, 'qdisk', 'disk-image-missing'],
    ['vdev=xvda,backendtype=qdisk,target=', {}, 'qdisk', 'disk-image-missing'],
    ['/dir,raw,xvda,w', {}, 'qdisk', 'disk-image-kind'],
    ['/dev/null,raw,xvda,w', {}, 'qdisk', 'disk-image-kind'],
    ['/fifo,raw,xvda,w', {}, 'qdisk', 'disk-image-kind'],
    ['/sock,raw,xvda,w', {}, 'qdisk', 'disk-image-kind'],
    ['/secret,raw,xvda,r', {}, 'phy', 'disk-image-unreadable'],
    ['/kept,raw,xvda,w', {}, 'phy', 'disk-image-read-only'],
    ['/r.img,qcow2,xvda,w', {}, 'qdisk', 'disk-format-mismatch'],
    ['/q.qcow2,qed,xvda,w', {}, 'qdisk', 'disk-format-mismatch'],
    ['/r.img,raw,hda,w,colo', { type: 'hvm' }, 'qdisk', 'colo-incomplete'],
    ['/r.img,raw,vda,w', {}, 'phy', 'unknown-vdev'],
    [
      '/r.img,raw,xvda,w,colo,colo-host=h,colo-port=1,colo-export=e,active-disk=/a,hidden-disk=/h',
      {},
      'qdisk',
      'colo-guest-type',
    ],
  ])('%s %j is %s and the error %s', (spec, setting, chosen, code) => {
    expect(decide(spec, setting)).toMatchObject({ chosen, error: { severity: 'error', code } });
  });

  it.each<[state: NonNullable<ImageFacts['backing']>['state'], code: string]>([
    ['missing', 'disk-backing-missing'],
    ['unreadable', 'disk-backing-unreadable'],
    ['directory', 'disk-backing-unreadable'],
    ['cycle', 'disk-backing-cycle'],
    ['too-deep', 'disk-backing-too-deep'],
  ])('an overlay whose base is %s: %s', (state, code) => {
    const facts = { paths: { '/o': qcow2On({ state }) } };
    expect(decide('/o,qcow2,xvda,w', { facts }).error).toMatchObject({
      code,
      message: expect.stringContaining('/o rests on /base') as string,
    });
    expect(decide('/o,raw,xvda,w', { facts }).error).toBeNull();
  });

  it('a base further down the chain that is gone', () => {
    const image: ImageFacts = {
      format: 'qcow2',
      virtualSize: 1,
      problems: [],
      backing: { name: 'deep', path: '/deep', declaredFormat: 'raw', state: 'missing', image: null },
    };
    const facts = { paths: { '/o': qcow2On({ declaredFormat: 'qcow2', image }) } };
    expect(decide('/o,qcow2,xvda,w', { facts }).error?.message).toBe('/base rests on /deep, which is not there');
  });

  it.each<[spec: string, setting: Setting, code: string]>([
    ['/q.qcow2,raw,xvda,w', {}, 'disk-format-mismatch'],
    ['/v.vhd,raw,xvda,w', {}, 'disk-format-mismatch'],
    ['/r.img,vhd,xvda,w', {}, 'disk-format-mismatch'],
    ['r.img,raw,xvda,w', {}, 'disk-relative-path'],
    ['vdev=hdc,cdrom', { type: 'pv', ...old }, 'disk-empty-drive'],
    ['vdev=xvda,backendtype=qdisk,target=rbd:pool/image', {}, 'disk-protocol-target'],
    ['script=block-lost,vdev=xvda,target=t', {}, 'disk-script-missing'],
    ['/o,qcow2,xvda,w', { facts: { paths: { '/o': qcow2On({ declaredFormat: null }) } } }, 'disk-backing-format'],
    [
      '/v.vhd,vhd,xvda,w',
      {
        facts: {
          paths: {
            '/v.vhd': imageFile('vhd', {
              image: {
                format: 'vhd',
                virtualSize: 1,
                backing: null,
                problems: ['the checksum of its footer is wrong'],
              },
            }),
          },
        },
      },
      'disk-image-damaged',
    ],
  ])('%s %j with the warning %s', (spec, setting, code) => {
    const decision = decide(spec, setting);
    expect(codes(decision)).toEqual([code]);
    expect(decision.error).toBeNull();
  });

  it('all in one go', () => {
    const { error, warnings } = decide('/kept,raw,vda,w,backendtype=qdisk');
    expect([error, ...warnings].map((problem) => problem?.code)).toEqual(['unknown-vdev', 'disk-image-read-only']);
  });

  it('does not tell a user to follow a header that a guest may have written', () => {
    const [warning] = decide('/q.qcow2,raw,xvda,w').warnings;
    expect(warning).toMatchObject({ message: 'declared raw but the file is qcow2: /q.qcow2' });
    expect(warning?.hint).toMatch(/format=qcow2.*if it has always been a raw disk, its guest wrote that header/);
  });

  it.each(['/i.iso,raw,xvda,r', '/r.img,raw,xvda,w', '/dev/vg/a,raw,xvda,w', '/q.qcow2,qcow2,xvda,w'])(
    'but nothing about %s, which is as it says',
    (spec) => {
      expect(decide(spec)).toMatchObject({ warnings: [], error: null });
    },
  );
});
