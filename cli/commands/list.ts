import { XlError, type Diagnostic } from '../../lib/base/error.ts';
import { show } from '../../lib/base/text.ts';
import { userdataFile } from '../../lib/device/files.ts';
import { readLiveDomain } from '../../lib/host/live-domain.ts';
import { parseKept } from '../../lib/libxl-json/change.ts';
import { printJson, type JsonObject } from '../../lib/libxl-json/json.ts';
import { liveConfig } from '../../lib/libxl-json/live.ts';
import { requireDomid } from '../find-domain.ts';
import type { Host } from '../host.ts';
import { listMonitors, type MonitorNote } from '../../lib/host/monitors.ts';
import { printDiagnostics } from '../print/error.ts';
import { withHost } from '../open-host.ts';
import { domainListLines, type ListedDomain } from '../print/lists.ts';
import type { RunOf } from './index.ts';

/** `xl list [-l] [-v] [Domain]`. */
export const run: RunOf<'list'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const domains = await listed(host, words[0]);
    const { terminal, global } = context;
    printDiagnostics(withoutMonitor(domains, await listMonitors(host.description.dirs)), terminal);
    if (options.long) terminal.out(`${printJson(await withConfigurations(domains, host))}\n`);
    else if (global.json) terminal.out(`${JSON.stringify(domains, null, 2)}\n`);
    else
      terminal.out(
        domainListLines(domains, options)
          .map((line) => `${line}\n`)
          .join(''),
      );
    return 0;
  });

async function listed(host: Host, word: string | undefined): Promise<ListedDomain[]> {
  const domains = await host.domains();
  if (word === undefined) return domains;
  const domid = await requireDomid(host.ports.store, word);
  const domain = domains.find((candidate) => candidate.domid === domid);
  if (domain === undefined) throw new XlError('domain-not-found', `Domain '${word}' does not exist.`);
  return [domain];
}

/** `list -l`: what the toolstack that made the domain kept of its configuration, and what is so now. */
function withConfigurations(domains: readonly ListedDomain[], host: Host): Promise<JsonObject[]> {
  return Promise.all(
    domains.map(async ({ domid, uuid }) => ({ domid, config: await configurationOf(domid, uuid, host) })),
  );
}

async function configurationOf(
  domid: number,
  uuid: string,
  { ports, xen, description }: Host,
): Promise<JsonObject | null> {
  const text = await ports.files.read(show(userdataFile(description.dirs, String(domid), uuid)));
  if (text === null) return null;
  const live = await readLiveDomain(ports.store, domid);
  const scheduling =
    xen === null ? null : (await import('../../lib/host/xen/scheduling.ts')).readScheduling(xen, domid);
  return liveConfig(parseKept(text), { ...live, scheduling });
}

/** Domains whose monitor has died: nobody would act at their end. */
function withoutMonitor(domains: readonly ListedDomain[], monitors: readonly MonitorNote[]): Diagnostic[] {
  const dead = new Map(monitors.filter(({ alive }) => !alive).map(({ uuid, pid }) => [uuid, pid]));
  return domains.flatMap(({ domid, name, uuid }) => {
    const pid = dead.get(uuid);
    if (pid === undefined) return [];
    return {
      severity: 'warning',
      code: 'monitor-dead',
      message: `nobody looks after ${name} (domain ${domid}): its monitor, process ${pid}, has died`,
      hint: `xl monitor ${name} takes over`,
    };
  });
}
