import { majorMinor } from '../device-number.ts';
import { readText } from './look.ts';

/** A block device's bytes from sysfs, which counts in sectors of 512 whatever the device's own are; 0 if unknown. */
export async function blockSize(rdev: bigint): Promise<number> {
  const { major, minor } = majorMinor(rdev);
  const sectors = await readText(`/sys/dev/block/${major}:${minor}/size`).catch(() => '0');
  return Number(sectors.trim()) * 512;
}
