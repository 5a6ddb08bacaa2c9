import type { DomainConfig } from '../config/domain.ts';
import type { Disk } from '../disk/disk.ts';
import type { Resolved, ResolvedDisk } from '../resolve/resolved.ts';
import { diskJson } from './devices.ts';
import { domainJson } from './domain.ts';
import { printJson, type JsonObject } from './json.ts';

/** What ends the file: libxl stores the terminator of its C string with it. */
const TERMINATOR = '\0';

/**
 * The configuration that is kept of a domain (userdata `libxl-json`), as stock xl would have written it at the end of
 * the creation: `xl list -l`, save and every later command of either toolstack read it.
 */
export const keptText = (domain: Resolved): string => `${printJson(keptConfig(domain))}${TERMINATOR}`;

/** The same as an object. */
export const keptConfig = (domain: Resolved): JsonObject =>
  domainJson(withWholePaths(domain), {
    uuid: domain.uuid,
    creation: { videoKiB: domain.memory.videoKiB, vifs: domain.vifs },
  });

/** What is kept of a disk that a running domain gets. */
export const keptDisk = (disk: Disk, resolved: Pick<ResolvedDisk, 'decision'>): JsonObject =>
  diskJson(withWholePath(disk, resolved));

const withWholePaths = ({ config, kernel, ramdisk, disks }: Resolved): DomainConfig => ({
  ...config,
  keys: { ...config.keys, kernel, ramdisk },
  disks: config.disks.map((configured, index) => ({
    ...configured,
    disk: withWholePath(configured.disk, disks[index]!),
  })),
});

/**
 * libxl keeps a relative path as it was typed, so a guest that reboots looks for its disk from another directory. We keep
 * the path that was found.
 */
function withWholePath(disk: Disk, { decision: { pdevPath } }: Pick<ResolvedDisk, 'decision'>): Disk {
  const found = pdevPath?.startsWith('/') === true && disk.pdevPath?.startsWith('/') === false && disk.pdevPath !== '';
  return found ? { ...disk, pdevPath } : disk;
}
