import { XlError } from '../../lib/base/error.ts';
import { userdataFile } from '../../lib/device/files.ts';
import { requireDomid } from '../find-domain.ts';
import type { Host } from '../host.ts';
import { withHost } from '../open-host.ts';
import { domainListLines, type ListedDomain } from '../print/lists.ts';
import type { RunOf } from './index.ts';

/** `xl list [-l] [-v] [Domain]`. */
export const run: RunOf<'list'> = (context, { options, words }) =>
  withHost(context, async (host) => {
    const domains = await listed(host, words[0]);
    const { terminal, global } = context;
    if (options.long) terminal.out(`${JSON.stringify(await withConfigurations(domains, host), null, 4)}\n`);
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

/** `list -l`: what the toolstack that made the domain kept of its configuration. */
function withConfigurations(
  domains: readonly ListedDomain[],
  { ports, description: { dirs } }: Host,
): Promise<unknown[]> {
  return Promise.all(
    domains.map(async ({ domid, uuid }) => {
      const path = userdataFile(dirs, String(domid), uuid);
      const text = typeof path === 'string' ? await ports.files.read(path) : null;
      const config: unknown = text === null ? null : JSON.parse(text);
      return { domid, config };
    }),
  );
}
