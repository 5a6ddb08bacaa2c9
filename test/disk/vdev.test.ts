import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { describeVdev, devidToVdev, tryDescribeVdev, vdevToDevid } from '../../lib/disk/vdev.ts';

describe("a virtual disk's number", () => {
  // Seen by compiling libxl's own function.
  it.each([
    ['xvda', 51712],
    ['xvda1', 51713],
    ['xvda15', 51727],
    ['xvda16', 268435472],
    ['xvda255', 268435711],
    ['xvdb2', 51730],
    ['d1p2', 51730],
    ['d0p0', 51712],
    ['d0x10p0x1', 268439553],
    ['xvdp', 51952],
    ['xvdp15', 51967],
    ['xvdq', 268439552],
    ['d16p0', 268439552],
    ['xvdz', 268441856],
    ['xvdaa', 268442112],
    ['xvdtq37', 268572709],
    ['d536p37', 268572709],
    ['hda', 768],
    ['hda1', 769],
    ['hda63', 831],
    ['hdb', 832],
    ['hdc', 5632],
    ['hdd', 5696],
    ['sda', 2048],
    ['sda1', 2049],
    ['sdp', 2288],
    ['sdp15', 2303],
    ['768', 768],
    ['0x300', 768],
    ['01400', 768],
    ['51712', 51712],
    ['0xca00', 51712],
    ['2147483647', 2147483647],
  ])('of %s is %i', (vdev, number) => {
    // prettier-ignore
    expect(vdevToDevid(vdev)).toBe(number);
  });

  it.each([
    'hde',
    'hda64',
    'sdq',
    'sda16',
    'xvda256',
    'xvda0',
    'xvda01',
    'xvdA',
    'vda',
    'd0',
    'd0p256',
    '-5',
    'd1048576p0',
    '2147483648',
    '08',
    'xvda1x',
    'hdc:cdrom',
    ' xvda',
    'xvda ',
    '/dev/xvda',
    'xvdаа',
  ])('is refused to %j', (vdev) => {
    // prettier-ignore
    expect(() => vdevToDevid(vdev)).toThrow(`Invalid or unsupported virtual disk identifier ${vdev}`);
    expect(tryDescribeVdev(vdev)).toBeNull();
  });

  it.each(['', 'xvd', 'xvd1', 'sd', 'hd', 'd-1p0', 'd 1p 2', 'dp', '0x', '+768', ' 768'])(
    'is refused to %j, which libxl takes for one or nearly does',
    (vdev) => {
      expect(() => vdevToDevid(vdev)).toThrow(expect.objectContaining({ code: 'unknown-vdev' }));
    },
  );

  it('is not looked for in a name of a million letters', () => {
    for (const vdev of [`xvd${'a'.repeat(1 << 20)}`, '9'.repeat(1 << 20), `d${'0'.repeat(1 << 20)}p0`]) {
      expect(tryDescribeVdev(vdev)).toBeNull();
    }
  });

  it.each([
    ['xvdc2', { family: 'xvd', disk: 2, partition: 2 }],
    ['d2p2', { family: 'xvd', disk: 2, partition: 2 }],
    ['hdc1', { family: 'hd', disk: 2, partition: 1 }],
    ['sdc', { family: 'sd', disk: 2, partition: 0 }],
    ['5632', { family: 'number', disk: null, partition: null }],
  ] as const)('of %s tells the disk and the partition', (vdev, expected) => {
    expect(describeVdev(vdev)).toMatchObject(expected);
  });

  it('tells what to write instead', () => {
    const hintOf = (vdev: string) => {
      try {
        vdevToDevid(vdev);
      } catch (error) {
        return (error as { hint: string }).hint;
      }
      return '';
    };
    expect(hintOf('vdb')).toContain('xvdb');
    expect(hintOf('d3')).toContain('d3p0');
    expect(hintOf('XVDA')).toContain('xvda');
    expect(hintOf('/dev/hda')).toContain('hda');
    expect(hintOf('hde')).toContain('hdd');
    expect(hintOf('sdq')).toContain('sdp');
    expect(hintOf('xvd')).toContain('xvda');
  });
});

describe('the name of a number', () => {
  it.each([
    [51712, 'xvda'],
    [51730, 'xvdb2'],
    [268439552, 'xvdq'],
    [268572709, 'xvdtq37'],
    [768, 'hda'],
    [769, 'hda1'],
    [5696, 'hdd'],
    [2303, 'sdp15'],
    [1, '1'],
    [0, '0'],
    [3 * 256 + 200, '968'],
    [268435456, '268435456'],
  ])('%i is %s', (number, vdev) => {
    // prettier-ignore
    expect(devidToVdev(number)).toBe(vdev);
  });

  it('leads back to the number', () => {
    const devids = fc.oneof(
      fc.nat({ max: 0x7fffffff }),
      fc.nat({ max: 0xffff }),
      fc.integer({ min: 1 << 28, max: (1 << 29) - 1 }),
    );
    fc.assert(
      fc.property(devids, (number) => {
        expect(vdevToDevid(devidToVdev(number))).toBe(number);
      }),
    );
  });
});
