import type { DomainConfig } from '../config/domain.ts';
import type { Disk } from '../disk/disk.ts';
import { isDscowScript, parseDscowTarget } from '../disk/dscow.ts';

/** The paths of a configuration that facts are wanted about, each once: images, kernel, ramdisk, firmware, QEMU. */
export function pathsOf(config: DomainConfig): string[] {
  const { kernel, ramdisk, firmware, device_model_override: qemu } = config.keys;
  const files = [kernel, ramdisk, firmware?.startsWith('/') === true ? firmware : null, qemu];
  return [...new Set([...files, ...config.disks.flatMap(({ disk }) => pathsOfDisk(disk))])].filter(
    (path) => path !== null,
  );
}

/** The paths of one disk: its image, and the two that COLO adds. What a script or another domain resolves is no path, but for overlays. */
export function pathsOfDisk(disk: Disk): string[] {
  const image = disk.script === null && disk.backendDomname === null ? disk.pdevPath : null;
  return [image, ...overlayPaths(disk), disk.activeDisk, disk.hiddenDisk].filter(
    (path): path is string => path !== null && path !== '',
  );
}

function overlayPaths({ script, backendDomname, pdevPath }: Disk): (string | null)[] {
  if (!isDscowScript(script) || backendDomname !== null || pdevPath === null) return [];
  try {
    const { cow, base } = parseDscowTarget(pdevPath);
    return [cow, base];
  } catch {
    // What is wrong with it is said where the disk is resolved.
    return [];
  }
}
