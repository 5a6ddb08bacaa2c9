import type { Header } from '../../lib/dscow/header.ts';
import type { OverlayInfo } from '../../lib/host/dscow/inspect.ts';
import { sizeText } from './bytes.ts';
import type { Section } from './sections.ts';

/** What `--json` says of an overlay's header. */
export const overlayData = (file: string, { virtualSize, blockBits, uuid, base, created }: Header) => ({
  file,
  format: 'dscow',
  version: 2,
  virtualSize,
  blockSize: 2 ** blockBits,
  uuid,
  // Nanoseconds do not fit into a JSON number.
  base: { path: base.path, size: base.size, mtimeNs: String(base.mtimeNs), id: base.id },
  created,
});

/** What `xl dscow info --json` says. */
export const infoData = (info: OverlayInfo) => ({
  ...overlayData(info.file, info.header),
  generation: info.header.generation,
  allocated: info.allocated,
  blocks: info.layout.blocks,
  changedBlocks: info.changedBlocks,
  changedBytes: info.changedBlocks * info.layout.blockSize,
  inUse: info.header.inUse,
  user: info.user,
  committing: info.header.committing,
  baseProblems: info.baseProblems,
  headerProblem: info.headerProblem,
});

/** What `xl dscow info` says to people. */
export function infoRows(info: OverlayInfo): Section['rows'] {
  const { header, layout, changedBlocks } = info;
  const share = ((changedBlocks / layout.blocks) * 100).toFixed(1);
  return [
    ['format', 'dscow v2'],
    ['disk', sizeText(layout.virtualSize)],
    // The file looks as large as its disk, which puzzles people: it is sparse.
    ['takes', `${sizeText(info.allocated)} on its file system`],
    ['changed', `${changedBlocks} of ${layout.blocks} blocks of ${layout.blockSize} bytes, ${share} %`],
    ['base', header.base.path],
    ...info.baseProblems.map((problem): [string, string] => ['', `but ${problem}`]),
    ...(info.headerProblem === null ? [] : [['header', info.headerProblem] as const]),
    ['use', useOf(info)],
    ...(header.committing ? [['commit', 'was interrupted; run it again'] as const] : []),
    ['made', new Date(header.created * 1000).toISOString().slice(0, 19).replace('T', ' ') + ' UTC'],
    ['uuid', header.uuid],
  ];
}

function useOf({ user, header }: OverlayInfo): string {
  if (user !== null) return `open in process ${user}; the above is what it last made durable`;
  return header.inUse ? 'nobody has it open; it was not closed the last time, which is no harm' : 'nobody has it open';
}
