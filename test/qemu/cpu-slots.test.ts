import { describe, expect, test } from 'vitest';
import { readCpuSlots } from '../../lib/qemu/cpu-slots.ts';

/** What QEMU 7.2 says of a machine with 1 of 3 processors: the last one first. */
const answer = [
  { props: { 'core-id': 0, 'thread-id': 0, 'socket-id': 2 }, 'vcpus-count': 1, type: 'qemu32-i386-cpu' },
  { props: { 'core-id': 0, 'thread-id': 0, 'socket-id': 1 }, 'vcpus-count': 1, type: 'qemu32-i386-cpu' },
  {
    props: { 'core-id': 0, 'thread-id': 0, 'socket-id': 0 },
    'vcpus-count': 1,
    'qom-path': '/machine/unattached/device[0]',
    type: 'qemu32-i386-cpu',
  },
];

describe('processors of a machine', () => {
  test('are numbered by their place', () => {
    expect(
      readCpuSlots(answer).map(({ index, plugged, properties }) => [index, plugged, properties['socket-id']]),
    ).toEqual([
      [0, true, 0],
      [1, false, 1],
      [2, false, 2],
    ]);
  });

  test('within a socket by core and thread', () => {
    const place = (core: number, thread: number) => ({ type: 'cpu', props: { 'core-id': core, 'thread-id': thread } });
    expect(
      readCpuSlots([place(1, 0), place(0, 1), place(0, 0)]).map(({ properties }) => Object.values(properties)),
    ).toEqual([
      [0, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  test.each([null, {}, [1], [{}], [{ type: 1, props: {} }], [{ type: 'x', props: null }]])('are not %j', (other) => {
    expect(() => readCpuSlots(other)).toThrow('no list of processors');
  });
});
