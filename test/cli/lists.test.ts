import { describe, expect, it } from 'vitest';
import {
  blockListLines,
  domainListLines,
  networkListHeader,
  networkListLine,
  vmListLines,
  type ListedDomain,
} from '../../cli/print/lists.ts';

const domain: ListedDomain = {
  domid: 3,
  name: 'web',
  uuid: '00000000-0000-0000-0000-000000000003',
  memoryMiB: 512,
  vcpus: 2,
  state: { running: false, blocked: true, paused: false, dying: false, shutdownReason: null },
  cpuSeconds: 12.34,
};

describe('xl list', () => {
  it('prints what stock xl prints', () => {
    expect(domainListLines([domain], { verbose: false })).toEqual([
      'Name                                        ID   Mem VCPUs\tState\tTime(s)',
      'web                                          3   512     2     -b----      12.3',
    ]);
  });

  it('prints the header where there is nothing to list', () => {
    expect(domainListLines([], { verbose: false })).toHaveLength(1);
  });

  it('adds uuid, reason and label with -v', () => {
    const down = { ...domain, state: { ...domain.state, blocked: false, shutdownReason: 3 } };
    expect(domainListLines([down], { verbose: true })).toEqual([
      'Name                                        ID   Mem VCPUs\tState\tTime(s)   UUID                            Reason-Code\tSecurity Label',
      'web                                          3   512     2     ---sc-      12.3 00000000-0000-0000-0000-000000000003        3                -',
    ]);
  });

  it.each([
    [0, '-'],
    [1, 'r'],
    [2, 's'],
    [3, 'c'],
    [4, 'w'],
    [5, 'S'],
    [9, '?'],
  ])('writes shutdown reason %i as s%s', (shutdownReason, letter) => {
    const state = { running: false, blocked: false, paused: true, dying: true, shutdownReason };
    expect(domainListLines([{ ...domain, state }], { verbose: false })[1]).toContain(`--ps${letter}d`);
  });

  it('keeps its columns under a name that takes more columns than characters', () => {
    const [, plain, wide] = domainListLines([domain, { ...domain, name: '仮想' }], { verbose: false });
    expect(wide).toBe(plain!.replace('web ', '仮想'));
  });
});

describe('xl block-list', () => {
  it('prints what stock xl prints, blanks at the end included', () => {
    const disk = {
      devid: 51712,
      backendDomid: 0,
      frontendDomid: 3,
      state: 4,
      eventChannel: 12,
      ringRef: 8,
      backendPath: '/local/domain/0/backend/vbd/3/51712',
    };
    expect(blockListLines([disk, { ...disk, state: -1, backendPath: '/x' }])).toEqual([
      'Vdev  BE  handle state evt-ch ring-ref BE-path                       ',
      '51712 0   3      4     12     8        /local/domain/0/backend/vbd/3/51712',
      '51712 0   3      -1    12     8        /x                            ',
    ]);
  });
});

describe('xl network-list', () => {
  it('prints what stock xl prints, blanks at the end included', () => {
    const vif = {
      devid: 0,
      backendDomid: 0,
      frontendDomid: 3,
      mac: '00:16:3e:01:02:03',
      state: 4,
      eventChannel: 12,
      txRingRef: 8,
      rxRingRef: 1280,
      backendPath: '/local/domain/0/backend/vif/3/0',
    };
    const queues = { ...vif, devid: 12, state: -1, eventChannel: -1, txRingRef: -1, rxRingRef: -1, backendPath: '/x' };
    expect([networkListHeader(), networkListLine(vif), networkListLine(queues)]).toEqual([
      'Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       ',
      '0   0  00:16:3e:01:02:03     0     4     12     8/1280        /local/domain/0/backend/vif/3/0',
      '12  0  00:16:3e:01:02:03    12    -1     -1    -1/-1          /x                            ',
    ]);
  });
});

describe('xl vm-list', () => {
  it('prints what stock xl prints', () => {
    expect(vmListLines([domain])).toEqual([
      'UUID                                  ID    name',
      '00000000-0000-0000-0000-000000000003  3    web                           ',
    ]);
  });
});
