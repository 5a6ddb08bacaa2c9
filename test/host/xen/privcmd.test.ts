import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMemory, withFrames } from '../../../lib/host/xen/guest-memory.ts';
import { pauseDomain } from '../../../lib/host/xen/hypercalls.ts';
import { Privcmd } from '../../../lib/host/xen/privcmd.ts';
import { openXen } from '../../../lib/host/xen/version.ts';
import { errnoNameOf } from '../../../lib/sys/sys.ts';
import { FakeXen, refuse } from './fake-xen.ts';

const PAGE = 4096;
const page = (byte: number) => new Uint8Array(PAGE).fill(byte);

describe('openXen', () => {
  it.each([
    [0x15, 0x15],
    [0x16, 0x15],
    [0x17, 0x16],
    [0x18, 0x16],
  ])('finds domctl version %i and sysctl version %i by asking', async (domctl, sysctl) => {
    const fake = new FakeXen({ domctl, sysctl });
    const xen = await openXen(fake);
    expect([xen.domctl, xen.sysctl]).toEqual([domctl, sysctl]);
    xen.close();
    expect([fake.opened.size, fake.mappings.size]).toEqual([0, 0]);
  });

  it('names the versions that it knows where Xen speaks another', async () => {
    const fake = new FakeXen({ domctl: 0x19, sysctl: 0x17 });
    fake.answers['xen_version version'] = () => ({ result: (4 << 16) | 23 });
    await expect(openXen(fake)).rejects.toMatchObject({
      code: 'unknown-xen-interface',
      message: 'Xen 4.23 speaks none of the domctl versions that xl-ts knows',
      evidence: [{ lines: ['0x15  Xen 4.17', '0x16  Xen 4.18', '0x17  Xen 4.19 to 4.21', '0x18  Xen 4.22'] }],
    });
    expect([fake.opened.size, fake.mappings.size]).toEqual([0, 0]);
  });

  it('ends at once where Xen refuses for another reason than the version', async () => {
    const fake = new FakeXen();
    fake.answers.getdomaininfo = () => refuse('EPERM');
    await expect(openXen(fake)).rejects.toMatchObject({ code: 'no-privilege' });
    expect(fake.opened.size).toBe(0);
  });

  it.each([
    ['/dev/xen/privcmd', 'ENOENT', 'no-xen', 'modprobe -a xen-privcmd xen-evtchn xen-gntdev'],
    ['/dev/xen/hypercall', 'ENOENT', 'no-xen', 'Linux 4.18'],
    ['/dev/xen/privcmd', 'EACCES', 'no-privilege', 'as root'],
  ] as const)('says what to do where %s is %s', async (device, errno, code, hint) => {
    const fake = new FakeXen();
    fake.missing[device] = errno;
    await expect(openXen(fake)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(device) as string,
      hint: expect.stringContaining(hint) as string,
    });
    expect(fake.opened.size).toBe(0);
  });
});

describe('Privcmd', () => {
  let fake: FakeXen;
  let privcmd: Privcmd;
  beforeEach(() => {
    fake = new FakeXen();
    privcmd = Privcmd.open(fake);
  });
  afterEach(() => {
    privcmd.close();
    expect([fake.opened.size, fake.mappings.size]).toEqual([0, 0]);
  });

  it('maps a domain’s frames in the order asked for, and what is written is there', () => {
    for (const frame of [1, 5, 2 ** 33]) fake.frames.set(`3:${frame}`, page(frame % 251));
    withFrames(privcmd, 3, [2 ** 33, 5, 1], (memory) => {
      expect([memory[0], memory[PAGE], memory[2 * PAGE]]).toEqual([2 ** 33 % 251, 5, 1]);
      memory.fill(0xee, PAGE, PAGE + 8);
    });
    expect(readMemory(privcmd, 3, 5, 10)).toEqual(Uint8Array.of(...Array<number>(8).fill(0xee), 5, 5));
  });

  it('maps more frames than fit its kept pages, and gives back what it took for their list', () => {
    for (let frame = 0; frame < 10_000; frame++) fake.frames.set(`1:${frame}`, page(frame & 0xff));
    const before = fake.mappings.size;
    expect(readMemory(privcmd, 1, 0, 10_000 * PAGE)[9_999 * PAGE]).toBe(9_999 & 0xff);
    expect(fake.mappings.size).toBeLessThanOrEqual(before + 1);
  });

  it('names the first frame that is not there, and leaves nothing mapped', () => {
    fake.frames.set('3:16', page(1));
    expect(() => privcmd.mapFrames(3, [16, 0x2f, 17])).toThrow(
      'frame 0x2f of domain 3 cannot be mapped: invalid argument (EINVAL)',
    );
    expect([...fake.mappings.values()].filter(({ device }) => device === '/dev/xen/privcmd')).toEqual([]);
  });

  it('does not let go of memory twice, nor give it out when it is gone', () => {
    fake.frames.set('3:1', page(1));
    const memory = privcmd.mapFrames(3, [1]);
    memory.close();
    memory.close();
    expect(() => memory.bytes).toThrow('this memory is unmapped');
  });

  it('maps a grant table as a resource', () => {
    privcmd.mapResource(4, { resource: 'grant_table', frames: 2 }).close();
    expect(fake.calls).toMatchObject([{ name: 'mmap_resource', values: { dom: 4, type: 1, id: 0, idx: 0, num: 2 } }]);
    fake.answers.mmap_resource = () => refuse('EINVAL');
    expect(() => privcmd.mapResource(4, { resource: 'grant_table', frames: 2 })).toThrow(
      'Xen refused to map the grant_table of domain 4: invalid argument (EINVAL)',
    );
  });

  it('gives hypercalls zeroed memory at multiples of 8, and takes it back at the end of the scope', () => {
    const { arena } = privcmd;
    const first = arena.scoped(() => {
      const odd = arena.place(Uint8Array.of(1, 2, 3));
      const inner = arena.scoped(() => arena.room(100).address);
      const next = arena.room(8);
      expect(odd.address % 8).toBe(0);
      expect([next.address, inner]).toEqual([odd.address + 8, odd.address + 8]);
      next.bytes.fill(0xff);
      return odd.address;
    });
    expect(arena.scoped(() => arena.room(16))).toMatchObject({ address: first, bytes: new Uint8Array(16) });
  });

  it('takes the memory back after a throw as well', () => {
    const { arena } = privcmd;
    const address = arena.scoped(() => arena.room(1).address);
    expect(() =>
      arena.scoped(() => {
        arena.room(1_000_000);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(fake.mappings.size).toBe(1);
    expect(arena.scoped(() => arena.room(1).address)).toBe(address);
  });
});

describe('a hypercall that Xen refuses', () => {
  it.each([
    ['ESRCH', 'no-such-domain', 'Xen knows no such domain: domctl pausedomain of domain 9 (ESRCH)'],
    ['ENOMEM', 'out-of-memory', 'Xen has too little memory for domctl pausedomain of domain 9 (ENOMEM)'],
    ['EPERM', 'no-privilege', 'Xen does not let this domain do domctl pausedomain of domain 9 (EPERM)'],
    ['EBUSY', 'hypercall-failed', 'Xen refused domctl pausedomain of domain 9: resource busy or locked (EBUSY)'],
  ] as const)('says so for %s', async (errno, code, message) => {
    const fake = new FakeXen();
    fake.answers.pausedomain = () => refuse(errno);
    const xen = await openXen(fake);
    const error = thrownBy(() => pauseDomain(xen, 9));
    expect(error).toMatchObject({ code, message });
    expect(errnoNameOf(error)).toBe(errno);
    xen.close();
  });
});

function thrownBy(call: () => void): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
