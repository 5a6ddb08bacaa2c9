import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { currentConfig, type DomainAtEnd } from '../../lib/monitor/current.ts';
import { decodeGiven, givenText, readGiven } from '../../lib/monitor/given.ts';
import { readKeptDevices } from '../../lib/monitor/kept-devices.ts';
import type { RunningDevice } from '../../lib/plan/running.ts';
import { diskJson, nicJson } from '../../lib/libxl-json/devices.ts';

const given = (text: string) => ({ file: 'web.cfg', text, overrides: ['memory=64'], directory: '/srv' });
const text = `
  name = "web"
  type = "pvh"
  kernel = "/boot/k"
  disk = [ "/srv/a.img,raw,xvda,w", "/srv/b.qcow2,qcow2,xvdb,r" ]
  vif = [ "bridge=one", "mac=00:16:3e:00:00:09" ]
`;

const device = (kind: string, devid: number, keys: Record<string, string> = {}): RunningDevice => ({
  kind,
  devid,
  backendKind: kind,
  backendDomid: 0,
  frontend: '',
  backend: '',
  libxl: '',
  keys,
  backendState: '4',
  frontendState: '4',
});

const uuid = '6d1f0f3a-0000-4000-8000-000000000001';
const atEnd = (devices: readonly RunningDevice[], more: Partial<DomainAtEnd> = {}): DomainAtEnd => ({
  running: { domid: 5, name: 'renamed', uuid, type: 'pvh', devices, hasDeviceModel: false },
  json: null,
  memory: null,
  vcpus: null,
  ...more,
});

describe('what is kept of a configuration', () => {
  test('reads as it was given, words of the command line included', () => {
    const { config } = decodeGiven(readGiven(givenText(given(text))));
    expect(config.name).toBe('web');
    expect(config.keys.memory).toBe(64);
    expect(config.disks).toHaveLength(2);
  });

  test('keeps every byte of the file', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const latin1 = String.fromCharCode(...bytes);
        const { text: back } = readGiven(givenText(given(latin1)));
        expect(Uint8Array.from(back, (character) => character.charCodeAt(0))).toEqual(bytes);
      }),
    );
  });

  test.each(['', 'null', '{}', '{"schema":2}', '{"schema":1,"file":"a","text":"b","overrides":[1],"directory":"/"}'])(
    'is refused where it is none: %s',
    (broken) => {
      expect(() => readGiven(broken)).toThrow(expect.objectContaining({ code: 'given-broken' }) as Error);
    },
  );
});

describe('a domain that is made again', () => {
  const { config } = decodeGiven(given(text));
  const [first, second] = config.disks;
  const [vif] = config.vifs;

  test('has the name, the uuid and the addresses that it had', () => {
    const devices = [
      device('vbd', 51712),
      device('vbd', 51728),
      device('vif', 0, { mac: '00:16:3e:11:22:33' }),
      device('vif', 1, { mac: '00:16:3e:00:00:09' }),
    ];
    const next = currentConfig(config, atEnd(devices));
    expect(next.name).toBe('renamed');
    expect(next.keys.uuid).toBe(uuid);
    expect(next.disks).toEqual([first, second]);
    expect(next.vifs.map((each) => each.vif.mac)).toEqual(['00:16:3e:11:22:33', '00:16:3e:00:00:09']);
  });

  test('is without the devices that went, and with those that came', () => {
    const attached = { ...first!.disk, pdevPath: '/srv/c.qcow2', vdev: 'xvdc', format: 'qcow2' } as const;
    const json = JSON.stringify({
      disks: [first!.disk, second!.disk, attached].map(diskJson),
      nics: [
        nicJson(vif!.vif, { devid: 0 }),
        nicJson({ ...vif!.vif, bridge: 'two' }, { devid: 7, mac: '00:16:3e:00:00:07' }),
      ],
    });
    const devices = [device('vbd', 51712), device('vbd', 51744), device('vif', 7, { mac: '00:16:3e:00:00:07' })];
    const next = currentConfig(config, atEnd(devices, { json: `${json}\n\0` }));
    expect(next.disks.map(({ disk }) => disk.pdevPath)).toEqual(['/srv/a.img', '/srv/c.qcow2']);
    expect(next.disks[1]!.disk).toEqual(attached);
    expect(next.vifs.map((each) => [each.vif.devid, each.vif.bridge, each.vif.mac])).toEqual([
      [7, 'two', '00:16:3e:00:00:07'],
    ]);
  });

  test('has the memory and the vcpus that it had at its end', () => {
    const next = currentConfig(config, atEnd([], { memory: { targetKiB: 48 * 1024, maxKiB: 64 * 1024 }, vcpus: 2 }));
    expect(next.keys).toMatchObject({ memory: 48, maxmem: 64, vcpus: 2, maxvcpus: 2 });
    const fewer = { ...config, keys: { ...config.keys, vcpus: 4 } };
    expect(currentConfig(fewer, atEnd([], { vcpus: 2 })).keys).toMatchObject({ vcpus: 2, maxvcpus: 4 });
  });

  test('has the disc that is in the drive now', () => {
    const drive = decodeGiven(given('name="a"\ntype="hvm"\ndisk=["/srv/one.iso,raw,hdc,cdrom"]\n')).config;
    const inserted = { ...drive.disks[0]!.disk, pdevPath: '/srv/two.iso' };
    const json = JSON.stringify({ disks: [diskJson(inserted)] });
    const next = currentConfig(drive, atEnd([device('vbd', 5632)], { json }));
    expect(next.disks[0]!.disk).toEqual(inserted);
  });

  test('is made whatever the kept JSON says', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const { disks, vifs } = readKeptDevices(json);
        expect(Array.isArray(disks) && Array.isArray(vifs)).toBe(true);
      }),
    );
    expect(readKeptDevices('{"disks":[null,1,{"vdev":5}],"nics":{}}').disks).toHaveLength(1);
  });
});
