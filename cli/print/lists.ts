import { padEnd, padStart } from './text.ts';

/** A domain as `xl list` shows it. */
export interface ListedDomain {
  readonly domid: number;
  readonly name: string;
  readonly uuid: string;
  readonly memoryMiB: number;
  readonly vcpus: number;
  readonly state: DomainState;
  readonly cpuSeconds: number;
}

/** What a domain is doing, as XEN_DOMCTL_getdomaininfo says it. */
export interface DomainState {
  readonly running: boolean;
  readonly blocked: boolean;
  readonly paused: boolean;
  readonly dying: boolean;
  /** `poweroff` is 0, `reboot` 1, `suspend` 2, `crash` 3, `watchdog` 4, `soft_reset` 5; null while it is up. */
  readonly shutdownReason: number | null;
}

/** Letters of the shutdown reasons, by number (xl_info.c:list_domains). */
const REASON_LETTERS = '-rscwS';

/** `xl list`, byte for byte (xl_info.c:list_domains). Names are padded by what a terminal shows, not by bytes. */
export function domainListLines(domains: readonly ListedDomain[], { verbose }: { verbose: boolean }): string[] {
  const suffix = verbose ? '   UUID                            Reason-Code\tSecurity Label' : '';
  return [
    `Name                                        ID   Mem VCPUs\tState\tTime(s)${suffix}`,
    ...domains.map((domain) => {
      const { domid, name, memoryMiB, vcpus, state, cpuSeconds } = domain;
      const cells = [
        padEnd(name, 40),
        padStart(String(domid), 5),
        padStart(String(memoryMiB), 5),
        padStart(String(vcpus), 5),
      ];
      return `${cells.join(' ')}     ${stateLetters(state)}  ${padStart(cpuSeconds.toFixed(1), 8)}${verbose ? verboseCells(domain) : ''}`;
    }),
  ];
}

function stateLetters({ running, blocked, paused, dying, shutdownReason }: DomainState): string {
  const shutdown = shutdownReason !== null;
  return [
    running ? 'r' : '-',
    blocked ? 'b' : '-',
    paused ? 'p' : '-',
    shutdown ? 's' : '-',
    shutdown ? (REASON_LETTERS[shutdownReason] ?? '?') : '-',
    dying ? 'd' : '-',
  ].join('');
}

function verboseCells({ uuid, state: { shutdownReason } }: ListedDomain): string {
  const reason = shutdownReason === null ? '-' : shutdownReason.toString(16);
  return ` ${uuid} ${padStart(reason, 8)} ${padStart('-', 16)}`;
}

/** A disk as `xl block-list` shows it; -1 where a node is missing. */
export interface ListedDisk {
  readonly devid: number;
  readonly backendDomid: number;
  readonly frontendDomid: number;
  readonly state: number;
  readonly eventChannel: number;
  readonly ringRef: number;
  readonly backendPath: string;
}

/** `xl block-list`, byte for byte: `Vdev` is the device's number, `handle` the guest's (xl_block.c:main_blocklist). */
export function blockListLines(disks: readonly ListedDisk[]): string[] {
  const line = (cells: readonly (string | number)[]) =>
    cells.map((cell, column) => padEnd(String(cell), [5, 3, 6, 5, 6, 8, 30][column]!)).join(' ');
  return [
    line(['Vdev', 'BE', 'handle', 'state', 'evt-ch', 'ring-ref', 'BE-path']),
    ...disks.map((disk) =>
      line([
        disk.devid,
        disk.backendDomid,
        disk.frontendDomid,
        disk.state,
        disk.eventChannel,
        disk.ringRef,
        disk.backendPath,
      ]),
    ),
  ];
}

/** An interface as `xl network-list` shows it; -1 where a node is missing. */
export interface ListedVif {
  readonly devid: number;
  readonly backendDomid: number;
  readonly frontendDomid: number;
  readonly mac: string;
  readonly state: number;
  readonly eventChannel: number;
  readonly txRingRef: number;
  readonly rxRingRef: number;
  readonly backendPath: string;
}

/** The header of `xl network-list`, byte for byte (xl_nic.c:main_networklist). */
export const networkListHeader = (): string =>
  `Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref ${padEnd('BE-path', 30)}`;

/** A row of `xl network-list`, byte for byte: `handle` is the device's number, and a column left of its heading. */
export function networkListLine(vif: ListedVif): string {
  const place = `${padEnd(String(vif.devid), 3)} ${padEnd(String(vif.backendDomid), 2)} ${vif.mac}`;
  const ends = [padStart(String(vif.devid), 6), padStart(String(vif.state), 5), padStart(String(vif.eventChannel), 6)];
  const rings = `${padStart(String(vif.txRingRef), 5)}/${padEnd(String(vif.rxRingRef), 11)}`;
  return `${place}${ends.join(' ')} ${rings} ${padEnd(vif.backendPath, 30)}`;
}

/** `xl vm-list`, byte for byte (xl_info.c:list_vm). */
export const vmListLines = (domains: readonly Pick<ListedDomain, 'uuid' | 'domid' | 'name'>[]): string[] => [
  'UUID                                  ID    name',
  ...domains.map(({ uuid, domid, name }) => `${uuid}  ${domid}    ${padEnd(name, 30)}`),
];
