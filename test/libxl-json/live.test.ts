import { expect, test } from 'vitest';
import { liveConfig, type LiveDomain } from '../../lib/libxl-json/live.ts';
import type { JsonObject } from '../../lib/libxl-json/json.ts';

const kept: JsonObject = {
  c_info: { type: 'hvm', name: 'web' },
  b_info: {
    max_vcpus: 2,
    avail_vcpus: [0],
    max_memkb: 131072,
    target_memkb: 65536,
    video_memkb: 8192,
    sched_params: {},
  },
  disks: [{ vdev: 'xvda' }, { vdev: 'hdc' }, { vdev: '51744' }],
  nics: [{ devid: 0 }, { devid: 1 }],
  on_reboot: 'restart',
};
const live: LiveDomain = {
  name: 'mail',
  memory: { targetKiB: 40_000, maxKiB: 131_072 },
  onlineVcpus: [0, 1],
  scheduling: { sched: 'credit2', weight: 256, cap: 0 },
  disks: [51712, 51744],
  nics: [1],
};

test('what is kept is brought up to now, as libxl does', () => {
  const config = liveConfig(kept, live);
  expect(config).toEqual({
    c_info: { type: 'hvm', name: 'mail' },
    b_info: {
      max_vcpus: 2,
      avail_vcpus: [0, 1],
      max_memkb: 131072,
      // The balloon's target, the video memory, and the 1 MiB by which memory on demand is kept small.
      target_memkb: 40_000 + 8192 + 1024,
      video_memkb: 8192,
      sched_params: { sched: 'credit2', weight: 256, cap: 0 },
    },
    disks: [{ vdev: 'xvda' }, { vdev: '51744' }],
    nics: [{ devid: 1 }],
    on_reboot: 'restart',
  });
  expect(Object.keys(config)).toEqual(Object.keys(kept));
});

test('what is not known stays as it is kept, and a list without devices goes', () => {
  const nothing = { name: null, memory: null, onlineVcpus: null, scheduling: null, disks: [], nics: [] };
  const withoutDevices = Object.entries(kept).filter(([name]) => name !== 'disks' && name !== 'nics');
  expect(liveConfig(kept, nothing)).toEqual(Object.fromEntries(withoutDevices));
  expect(liveConfig({ c_info: {}, b_info: {} }, live)).toEqual({
    c_info: { name: 'mail' },
    b_info: { max_memkb: 131_072, target_memkb: 40_000, sched_params: live.scheduling },
  });
});
