import type { BackendDecision } from '../../lib/disk/decision.ts';
import type { Resolved, ResolvedDisk } from '../../lib/resolve/resolved.ts';
import type { Style } from '../terminal.ts';
import { coloursOf } from './colours.ts';
import { columns, type Row } from './columns.ts';
import { visible } from './text.ts';

/** What a domain will be and why, above the steps of its plan: the machine, what was assumed, each disk's backend. */
export function resolvedLines(domain: Resolved, style: Style): string[] {
  const colours = coloursOf(style);
  const table = (rows: readonly Row[], painted = 0) =>
    columns(rows, {
      width: style.width,
      indent: 2,
      paint: (cell, column) => (column === painted ? colours.strong(cell) : cell),
    });
  const section = (title: string, lines: readonly string[]) =>
    lines.length === 0 ? [] : ['', colours.quiet(title), ...lines];
  return [
    ...table(machineRows(domain), -1).map((line) => colours.quiet(line)),
    ...section(
      'assumed, not read from a host',
      domain.facts.assumed.map((fact) => `  ${visible(fact)}`),
    ),
    ...section('disks', table(domain.disks.flatMap(diskRows))),
    ...section('steps', []),
  ];
}

function machineRows({ config, type, uuid, memory, vcpus, facts, deviceModel }: Resolved): Row[] {
  const size =
    memory.targetKiB === memory.maxKiB
      ? mebibytes(memory.maxKiB)
      : `${mebibytes(memory.targetKiB)} of at most ${mebibytes(memory.maxKiB)}`;
  const cpus =
    vcpus.online === vcpus.max ? plural(vcpus.max, 'vcpu') : `${vcpus.online} of ${plural(vcpus.max, 'vcpu')}`;
  return [
    ['from', visible(config.source)],
    ['guest', `${type.toUpperCase()}, ${size}, ${cpus}, ${uuid}`],
    [
      'host',
      facts.host === 'xen'
        ? `Xen ${facts.xenVersion}`
        : `embedded, as Xen ${facts.xenVersion}, ${facts.qemu.accelReason}`,
    ],
    [
      'qemu',
      deviceModel === null
        ? 'not needed'
        : `${facts.qemu.version ?? 'unknown version'}, as ${visible(deviceModel.why)}`,
    ],
  ];
}

/** A disk with its backend, and below it why this one and why no other. */
function diskRows({ vbd, decision, spec }: ResolvedDisk): Row[] {
  const access = `${vbd.format}, ${vbd.writable ? 'read-write' : 'read-only'}${vbd.cdrom ? ', cdrom' : ''}`;
  return [
    [vbd.vdev, vbd.backend, `${visible(spec)}  (${access})`],
    ...reasonRows(decision).map(([backend, reason]): Row => ['', backend, reason]),
  ];
}

/** Each backend with its reason: the chosen one first. */
export function reasonRows({ chosen, reason, alternatives }: BackendDecision): [string, string][] {
  const others = alternatives
    .filter(({ verdict }) => verdict !== 'chosen')
    .map(({ backend, deviceClass, verdict, reason: why }): [string, string] => [
      `${verdict === 'refused' ? 'not' : 'or'} ${backend ?? deviceClass}`,
      visible(why),
    ]);
  return [[chosen === null ? 'none' : 'as', visible(reason)], ...others];
}

const mebibytes = (kib: number): string => `${kib / 1024} MiB`;
const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`;
