import { readFile } from 'node:fs/promises';
import { majorMinor } from '../device-number.ts';

/** A block device's bytes from sysfs, which counts in sectors of 512 whatever the device's own are; 0 if unknown. */
export async function blockSize(rdev: bigint): Promise<number> {
  const { major, minor } = majorMinor(rdev);
  const sectors = await readFile(`/sys/dev/block/${major}:${minor}/size`, 'utf8').catch(() => '0');
  return Number(sectors.trim()) * 512;
}
