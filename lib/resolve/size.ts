import type { Diagnostic } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import type { DomainConfig } from '../config/domain.ts';
import { place, type Found } from './found.ts';
import type { Resolved } from './resolved.ts';

const KIB_PER_MIB = 1024;
/** What a domain gets where neither memory= nor maxmem= is said (LIBXL: 32 MiB). */
const DEFAULT_MEMORY_MIB = 32;

/** QEMU's need of video memory by card, in MiB (libxl_create.c:libxl__domain_build_info_setdefault). */
const VIDEO_MIB = { stdvga: 16, cirrus: 8, qxl: 128, none: 0 } as const;
export type VideoCard = keyof typeof VIDEO_MIB;

/** The video card of an HVM guest; `stdvga=1` is the old way to say it. */
export const videoCard = (config: DomainConfig): VideoCard =>
  config.keys.vga ?? (config.keys.stdvga === true ? 'stdvga' : 'cirrus');

/** How much memory a domain gets, and whether the host has it. */
export function resolveMemory(config: DomainConfig, facts: HostFacts): Found<Resolved['memory']> {
  const { memory, maxmem } = config.keys;
  const target = memory ?? maxmem ?? DEFAULT_MEMORY_MIB;
  const video = videoMemory(config);
  const maxKiB = (maxmem ?? target) * KIB_PER_MIB;
  const value = {
    targetKiB: target * KIB_PER_MIB,
    maxKiB,
    videoKiB: video.value * KIB_PER_MIB,
    pagingKiB: pagingKiB(config, maxKiB),
  };
  return { value, diagnostics: [...video.diagnostics, ...checkFree(value, config, facts)] };
}

/** What Xen needs for the tables of a translated guest, as libxl reckons (libxl_utils.c:libxl_get_required_shadow_memory). */
function pagingKiB(config: DomainConfig, maxKiB: number): number {
  if (config.type === 'pv') return 0;
  const pagesForEachMiB = config.keys.hap === false ? 2 : 1;
  return 4 * (256 * resolveVcpus(config).max + pagesForEachMiB * (maxKiB / KIB_PER_MIB));
}

/** Seen before anything exists. What other domains give or take until then, Xen's own answer tells. */
function checkFree(
  { targetKiB, pagingKiB: tables }: Resolved['memory'],
  config: DomainConfig,
  { freeMemoryKiB }: HostFacts,
): Diagnostic[] {
  const needed = targetKiB + tables;
  if (freeMemoryKiB === undefined || needed <= freeMemoryKiB) return [];
  const mib = (kib: number, round: (value: number) => number): string => `${round(kib / KIB_PER_MIB)} MiB`;
  const forTables = tables === 0 ? '' : ` and ${mib(tables, Math.ceil)} for its page tables`;
  return [
    {
      severity: 'error',
      code: 'out-of-memory',
      message: `the domain needs ${mib(targetKiB, Math.ceil)}${forTables}, and Xen has ${mib(freeMemoryKiB, Math.floor)} free`,
      ...place(config, config.keys.memory === null ? 'maxmem' : 'memory'),
      hint: 'lower memory=, or make room: `xl list` shows who has how much, `xl mem-set` takes some from a guest or domain 0',
    },
  ];
}

function videoMemory(config: DomainConfig): Found<number> {
  if (config.type !== 'hvm') return { value: 0, diagnostics: [] };
  const card = videoCard(config);
  const least = VIDEO_MIB[card];
  const asked = config.keys.videoram;
  if (card === 'none' || asked === null) return { value: least, diagnostics: [] };
  if (asked >= least) return { value: asked, diagnostics: [] };
  const tooSmall: Diagnostic = {
    severity: 'error',
    code: 'videoram-too-small',
    message: `videoram must be at least ${least} MB for ${card.toUpperCase()} on QEMU_XEN`,
    ...place(config, 'videoram'),
    hint: `raise videoram= to ${least}, or leave it out`,
  };
  return { value: least, diagnostics: [tooSmall] };
}

/** Vcpus that run at the start, and those that may come later; libxl takes less than one as one. */
export function resolveVcpus(config: DomainConfig): Resolved['vcpus'] {
  const online = Math.max(1, config.keys.vcpus ?? 1);
  return { online, max: Math.max(online, config.keys.maxvcpus ?? online) };
}
