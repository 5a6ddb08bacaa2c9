import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, open, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errnoOf } from '../../lib/base/error.ts';
import { backingPath, imageFacts, LONGEST_CHAIN, type ImageBytes, type ReadImage } from '../../lib/disk/chain.ts';
import { PROBE_HEADER_BYTES, PROBE_TRAILER_BYTES, probeImage } from '../../lib/disk/probe.ts';

const MiB = 1024 * 1024;
const haveQemuImg = existsSync('/usr/bin/qemu-img');
if (!haveQemuImg) console.warn('skipped: real images are made with qemu-img, and there is no /usr/bin/qemu-img');

let directory = '';
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'xl-probe-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
});

const at = (name: string): string => join(directory, name);
const qemuImg = (...words: string[]): string => execFileSync('qemu-img', words, { encoding: 'utf8', cwd: directory });

/** Reads as a host does: files only, their start and their end. */
const read: ReadImage = async (path) => {
  try {
    const facts = await stat(path);
    if (facts.isDirectory()) return { state: 'directory' };
    if (!facts.isFile()) return { state: 'unreadable' };
    const file = await open(path, 'r');
    try {
      const piece = async (position: number, length: number) =>
        (await file.read(Buffer.alloc(length), 0, length, position)).buffer;
      const header = await piece(0, Math.min(PROBE_HEADER_BYTES, facts.size));
      const trailer = await piece(
        Math.max(0, facts.size - PROBE_TRAILER_BYTES),
        Math.min(PROBE_TRAILER_BYTES, facts.size),
      );
      return { state: 'ok', header, trailer, size: facts.size, identity: `${facts.dev}:${facts.ino}` };
    } finally {
      await file.close();
    }
  } catch (error) {
    return { state: errnoOf(error) === 'ENOENT' ? 'missing' : 'unreadable' };
  }
};

describe.skipIf(!haveQemuImg)('an image made by qemu-img', () => {
  it.each([
    ['raw', 'raw', [], null],
    ['qcow', 'qcow', [], 8 * MiB],
    ['qcow2', 'qcow2', [], 8 * MiB],
    ['qcow2 of version 2', 'qcow2', ['-o', 'compat=0.10'], 8 * MiB],
    ['qcow2 with large clusters', 'qcow2', ['-o', 'cluster_size=2M,extended_l2=on'], 8 * MiB],
    ['qed', 'qed', [], 8 * MiB],
    ['dynamic vhd', 'vpc', ['-o', 'subformat=dynamic,force_size=on'], 8 * MiB],
    ['fixed vhd', 'vpc', ['-o', 'subformat=fixed,force_size=on'], 8 * MiB],
    ['vhdx', 'vhdx', [], null],
    ['sparse vmdk', 'vmdk', [], 8 * MiB],
    ['flat vmdk', 'vmdk', ['-o', 'subformat=monolithicFlat'], 8 * MiB],
    ['vdi', 'vdi', [], 8 * MiB],
    ['luks', 'luks', ['--object', 'secret,id=s,data=x', '-o', 'key-secret=s,iter-time=10'], null],
  ] as const)('is known: %s', async (name, format, options, virtualSize) => {
    const path = at(`${name}.img`);
    qemuImg('create', '-q', '-f', format, ...options, path, '8M');
    const ours = format === 'vpc' ? 'vhd' : format;
    expect(await imageFacts(path, read)).toEqual({ format: ours, virtualSize, backing: null, problems: [] });
  });

  // qemu-img rounds such a size to the old BIOS geometry, and so the geometry is what counts.
  it('has the size that QEMU would show the guest: vhd by its geometry', async () => {
    qemuImg('create', '-q', '-f', 'vpc', at('geometry.vhd'), '10M');
    const info = JSON.parse(qemuImg('info', '--output=json', at('geometry.vhd'))) as { 'virtual-size': number };
    expect((await imageFacts(at('geometry.vhd'), read))?.virtualSize).toBe(info['virtual-size']);
  });

  it('tells its backing chain, with names relative to each image', async () => {
    qemuImg('create', '-q', '-f', 'raw', 'base.raw', '8M');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'middle.qcow2');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', at('middle.qcow2'), '-F', 'qcow2', 'top.qcow2');
    expect(await imageFacts(at('top.qcow2'), read)).toMatchObject({
      format: 'qcow2',
      backing: {
        path: at('middle.qcow2'),
        declaredFormat: 'qcow2',
        state: 'ok',
        image: {
          format: 'qcow2',
          backing: {
            name: 'base.raw',
            path: at('base.raw'),
            declaredFormat: 'raw',
            state: 'ok',
            image: { format: 'raw', backing: null },
          },
        },
      },
    });
  });

  it.each(['qcow', 'qed'] as const)('of format %s tells its backing file too', async (format) => {
    qemuImg('create', '-q', '-f', 'qcow2', 'below.qcow2', '8M');
    qemuImg('create', '-q', '-f', format, '-b', 'below.qcow2', '-F', 'qcow2', `over.${format}`);
    const facts = await imageFacts(at(`over.${format}`), read);
    expect(facts?.backing).toMatchObject({ path: at('below.qcow2'), declaredFormat: null, state: 'ok' });
  });

  it('whose backing file is gone says so', async () => {
    qemuImg('create', '-q', '-f', 'raw', 'gone.raw', '1M');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', 'gone.raw', '-F', 'raw', 'orphan.qcow2');
    await rm(at('gone.raw'));
    expect((await imageFacts(at('orphan.qcow2'), read))?.backing).toEqual({
      name: 'gone.raw',
      path: at('gone.raw'),
      declaredFormat: 'raw',
      state: 'missing',
      image: null,
    });
  });

  it.each([
    ['a directory', '.', 'directory'],
    ['a device that is no disk', '/dev/null', 'unreadable'],
    ['another host', 'nbd://host/export', 'not-a-file'],
    ['itself', 'odd.qcow2', 'cycle'],
  ] as const)('that rests on %s says so', async (_, name, state) => {
    qemuImg('create', '-q', '-f', 'qcow2', 'odd.qcow2', '1M');
    qemuImg('rebase', '-q', '-u', '-b', name, '-F', 'qcow2', 'odd.qcow2');
    expect((await imageFacts(at('odd.qcow2'), read))?.backing).toMatchObject({ name, state, image: null });
  });

  it('is not followed below a file that is declared raw, whatever that file pretends', async () => {
    qemuImg('create', '-q', '-f', 'raw', 'secret', '1M');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', 'secret', '-F', 'raw', 'pretender.raw');
    qemuImg('create', '-q', '-f', 'qcow2', '-b', 'pretender.raw', '-F', 'raw', 'honest.qcow2', '1M');
    const facts = await imageFacts(at('honest.qcow2'), read);
    expect(facts?.backing?.image).toMatchObject({ format: 'qcow2', backing: null });
  });

  it('with its data elsewhere is remarked upon', async () => {
    qemuImg('create', '-q', '-f', 'qcow2', '-o', 'data_file=elsewhere.raw', 'split.qcow2', '1M');
    expect((await imageFacts(at('split.qcow2'), read))?.problems).toEqual([
      'its data are in another file: elsewhere.raw',
    ]);
  });
});

describe('an ISO image', () => {
  it('is known by its volume descriptor', async () => {
    const image = Buffer.alloc(64 * 1024);
    image.write('\x01CD001', 32768, 'latin1');
    await writeFile(at('cd.iso'), image);
    expect(await imageFacts(at('cd.iso'), read)).toMatchObject({ format: 'iso', virtualSize: null });
  });
});

describe('a file that is no sound image', () => {
  const probed = (header: Uint8Array) => probeImage({ header, trailer: new Uint8Array(), size: header.length });
  const qcow2 = (write: (view: DataView) => void) => {
    const header = new Uint8Array(PROBE_HEADER_BYTES);
    header.set([0x51, 0x46, 0x49, 0xfb]);
    const view = new DataView(header.buffer);
    view.setUint32(4, 3);
    view.setUint32(20, 16);
    view.setUint32(100, 104);
    write(view);
    return probed(header);
  };

  it('is raw where nothing speaks against it, an empty one too', async () => {
    expect(probed(new Uint8Array())).toMatchObject({ format: 'raw' });
    await writeFile(at('empty'), '');
    await truncate(at('empty'), 0);
    expect(await imageFacts(at('empty'), read)).toMatchObject({ format: 'raw', problems: [] });
  });

  it('is remarked upon', () => {
    expect(probed(Uint8Array.of(0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3)).problems).toEqual(['the header is cut short']);
    expect(qcow2((view) => view.setUint32(4, 9)).problems).toEqual(['version 9 of the format is not known']);
    expect(qcow2((view) => view.setUint32(20, 40)).problems).toEqual(['a cluster of 2^40 bytes is not allowed']);
    expect(qcow2((view) => view.setBigUint64(72, 2n)).problems).toEqual(['QEMU has marked the image as corrupt']);
    expect(qcow2((view) => view.setBigUint64(72, 1n << 40n)).problems).toEqual([
      'it needs features that are not known',
    ]);
    expect(qcow2((view) => view.setBigUint64(24, 1n << 60n)).problems[0]).toContain('cannot be');
    const named = (offset: bigint, length: number) =>
      qcow2((view) => {
        view.setBigUint64(8, offset);
        view.setUint32(16, length);
      });
    expect(named(512n, 5000)).toMatchObject({ backing: null, problems: ['the name of its backing file is too long'] });
    expect(named(1n << 50n, 5).problems).toEqual(['the name of its backing file lies outside the header']);
  });

  it('never makes the probe fail, whatever its bytes', () => {
    const magics = [
      'QFI\xfb\0\0\0\x01',
      'QFI\xfb\0\0\0\x02',
      'QFI\xfb\0\0\0\x03',
      'QED\0',
      'KDMV',
      '# Disk DescriptorFile',
    ];
    const magic = fc
      .constantFrom(...magics, 'COWD', 'conectix', 'vhdxfile', 'LUKS\xba\xbe', '')
      .map((text) => Buffer.from(text, 'latin1'));
    fc.assert(
      fc.property(magic, fc.uint8Array({ maxLength: 700 }), fc.boolean(), (start, rest, atEnd) => {
        const bytes = atEnd ? Buffer.concat([rest, start]) : Buffer.concat([start, rest]);
        const probe = probeImage({ header: bytes, trailer: bytes.subarray(-512), size: bytes.length });
        expect(probe.problems.every((problem) => problem.length < 2000)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a backing chain', () => {
  /** An endless chain: every name leads to one more overlay. */
  const overlay = (index: number): ImageBytes => {
    const header = new Uint8Array(1024);
    const view = new DataView(header.buffer);
    header.set([0x51, 0x46, 0x49, 0xfb]);
    view.setUint32(4, 2);
    view.setUint32(20, 16);
    const name = Buffer.from(`${index + 1}.qcow2`);
    header.set(name, 512);
    view.setBigUint64(8, 512n);
    view.setUint32(16, name.length);
    return { state: 'ok', header, trailer: new Uint8Array(), size: 1024, identity: `1:${index}` };
  };

  it('is followed so far and no further', async () => {
    const opened: string[] = [];
    const endless: ReadImage = (path) => {
      opened.push(path);
      return Promise.resolve(overlay(Number.parseInt(path.split('/').pop()!, 10)));
    };
    let backing = (await imageFacts('/i/0.qcow2', endless))?.backing ?? null;
    while (backing?.image?.backing) backing = backing.image.backing;
    expect(backing).toMatchObject({ state: 'too-deep', path: `/i/${LONGEST_CHAIN}.qcow2` });
    expect(opened).toHaveLength(LONGEST_CHAIN);
  });

  it('of an image that cannot be read is unknown', async () => {
    expect(await imageFacts('/x', () => Promise.resolve({ state: 'missing' }))).toBeNull();
  });

  it.each([
    ['/i/top', 'base', '/i/base'],
    ['/i/top', '../base', '/base'],
    ['/i/top', '/abs/base', '/abs/base'],
    ['top', 'base', 'base'],
    ['/i/top', 'file:base', '/i/base'],
    ['/i/top', 'sub/a:b', '/i/sub/a:b'],
    ['/i/top', 'json:{"driver":"raw"}', null],
    ['/i/top', 'nbd:unix:/s', null],
    ['/i/top', 'https://h/x', null],
    ['/i/top', 'a\0b', null],
  ])('from %s with the name %j goes on at %j', (image, name, path) => {
    expect(backingPath(image, name)).toBe(path);
  });
});
