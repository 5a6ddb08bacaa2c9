import { XlError } from '../../base/error.ts';
import { isDscowScript, parseDscowTarget, type DscowTarget } from '../../disk/dscow.ts';
import type { QemuFormat } from '../../qemu/device-model.ts';

/** What a disk's backend nodes ask for: the daemon's view of a disk, whichever kind of backend Xen would give it. */
export interface DiskTarget {
  /** As the user typed it. */
  readonly vdev: string;
  /** As the nodes have it, perhaps relative to the directory in which the domain was created; null for an empty drive. */
  readonly path: string | null;
  /** The dscow overlay that is to be served for the disk; then there is no path. */
  readonly overlay: DscowTarget | null;
  readonly format: QemuFormat;
  readonly readwrite: boolean;
  readonly shared: boolean;
  readonly directIo: boolean;
  readonly discard: boolean;
  readonly cdrom: boolean;
}

/** `aio` is libxl's word for raw in `params` (`libxl__device_disk_string_of_format`). */
const FORMATS: Readonly<Record<string, QemuFormat>> = {
  aio: 'raw',
  raw: 'raw',
  qcow: 'qcow',
  qcow2: 'qcow2',
  vhd: 'vpc',
  qed: 'qed',
};

/** Reads the keys of a disk's backend directory (lib/device/vbd.ts writes them). Throws XlError `backend-nodes-bad`. */
export function diskTarget(nodes: Readonly<Record<string, string>>): DiskTarget {
  const { dev = '', mode = 'r' } = nodes;
  if (dev === '') throw bad('`dev` is missing');
  const { path, format } = image(nodes);
  const overlay = isDscowScript(nodes.script ?? null) && path !== '' ? parseDscowTarget(path) : null;
  const cdrom = nodes['device-type'] === 'cdrom';
  return {
    vdev: dev,
    path: path === '' || overlay !== null ? null : path,
    overlay,
    format,
    readwrite: mode.startsWith('w') && !cdrom,
    shared: mode.endsWith('!'),
    directIo: nodes['direct-io-safe'] === '1',
    discard: nodes['discard-enable'] === '1',
    cdrom,
  };
}

/** The bare path where a kernel driver would serve the disk, `FORMAT:PATH` where QEMU or tapdisk would. */
function image(nodes: Readonly<Record<string, string>>): { path: string; format: QemuFormat } {
  const { params, type = '' } = nodes;
  if (params === undefined) throw bad('`params` is missing');
  if (type === 'phy' || type === 'standalone') return { path: params, format: 'raw' };
  if (type !== 'qdisk' && type !== 'vbd3')
    throw bad(`there is no backend of type ${JSON.stringify(type.slice(0, 40))}`);
  const colon = params.indexOf(':');
  const format = FORMATS[params.slice(0, Math.max(0, colon))];
  if (format === undefined) throw bad(`\`params\` begins with no known format: ${params.slice(0, 80)}`);
  return { path: params.slice(colon + 1), format };
}

const bad = (what: string): XlError => new XlError('backend-nodes-bad', `the backend's nodes make no disk: ${what}`);
