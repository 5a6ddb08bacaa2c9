import { decideBackend } from '../../lib/disk/backend.ts';
import { explainDisk } from '../../lib/disk/explain.ts';
import { readDisk } from '../../lib/disk/parse.ts';
import { backendDomain } from '../../lib/resolve/backend-domain.ts';
import { pathsOfDisk } from '../../lib/resolve/paths.ts';
import { hole } from '../../lib/base/text.ts';
import { errorFrom } from '../../lib/base/error.ts';
import { factsForPlan } from '../facts.ts';
import { sectionLines } from '../print/sections.ts';
import type { RunOf } from './index.ts';

/** `xl disk explain SPEC…`; exit status 1 where no backend will serve the disk, or not as it is. */
export const run: RunOf<'disk explain'> = async (context, { options, words }) => {
  const { terminal, global } = context;
  const reading = readDisk(words);
  const { facts } = await factsForPlan(context, options, pathsOfDisk(reading.disk));
  const backend = backendDomain(reading.disk.backendDomname, facts, { source: 'command line' });
  if (backend.diagnostics.length > 0) throw errorFrom(backend.diagnostics);
  const decision = decideBackend(reading.disk, facts, {
    domainType: options.type ?? 'pvh',
    hotplug: false,
    backendDomid: backend.value,
    domid: hole('domid'),
  });
  const path = facts.paths[reading.disk.pdevPath ?? ''] ?? null;
  if (global.json) {
    terminal.out(`${JSON.stringify({ disk: reading.disk, decision, path, warnings: reading.warnings }, null, 2)}\n`);
  } else {
    terminal.out(`${sectionLines(explainDisk(reading, decision, path), terminal.outStyle).join('\n')}\n`);
  }
  return decision.error === null ? 0 : 1;
};
