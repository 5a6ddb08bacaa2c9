import { describe, expect, test } from 'vitest';
import { hole } from '../../lib/base/text.ts';
import { driveMedium, qemuFormat, type DriveSource } from '../../lib/qemu/drive-source.ts';

const device = hole('device');
const source = (changes: Partial<DriveSource>): DriveSource => ({
  backend: 'phy',
  backendDomname: null,
  format: 'raw',
  script: null,
  pdevPath: '/a',
  devicePath: device,
  ...changes,
});

describe('what QEMU opens for', () => {
  test.each<[string, Partial<DriveSource>, object]>([
    ['a plain raw disk is its target', {}, { kind: 'image', path: '/a', format: 'raw' }],
    [
      'its own qcow2 is its target, read as such',
      { backend: 'qdisk', format: 'qcow2' },
      { kind: 'image', path: '/a', format: 'qcow2' },
    ],
    ['a VHD of its own is a vpc', { backend: 'qdisk', format: 'vhd' }, { kind: 'image', path: '/a', format: 'vpc' }],
    [
      'a script’s disk is the device that the script made',
      { script: 'block-iscsi', pdevPath: 'iqn=x' },
      { kind: 'image', path: device, format: 'raw' },
    ],
    [
      'a tap disk is its NBD socket',
      { backend: 'tap', format: 'vhd' },
      { kind: 'image', path: { parts: ['nbd+unix:///?socket=', { hole: 'device' }] }, format: 'raw' },
    ],
    ['an empty drive is nothing', { format: 'empty', pdevPath: null }, { kind: 'empty' }],
    ['another domain’s disk is out of reach', { backendDomname: 'storage' }, { kind: 'unreachable', target: '/a' }],
    [
      'a script that has made nothing is out of reach',
      { script: 'block-x', devicePath: null },
      { kind: 'unreachable', target: '/a' },
    ],
    [
      'a standalone backend’s image is out of reach',
      { backend: 'standalone', format: 'qcow2' },
      { kind: 'unreachable', target: '/a' },
    ],
  ])('%s', (_, changes, medium) => {
    expect(driveMedium(source(changes))).toEqual(medium);
  });
});

test('every format has QEMU’s name', () => {
  expect((['raw', 'qcow', 'qcow2', 'vhd', 'qed'] as const).map(qemuFormat)).toEqual([
    'raw',
    'qcow',
    'qcow2',
    'vpc',
    'qed',
  ]);
});
