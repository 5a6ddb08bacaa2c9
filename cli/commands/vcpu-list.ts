import { XlError } from '../../lib/base/error.ts';
import type { StoreView } from '../../lib/run/ports.ts';
import { getDomainInfo, listDomains, physinfo, type DomainInfo } from '../../lib/host/xen/hypercalls.ts';
import { listVcpus } from '../../lib/host/xen/vcpus.ts';
import type { Xen } from '../../lib/host/xen/version.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { printError } from '../print/error.ts';
import { vcpuListLines, type ListedVcpu } from '../print/vcpus.ts';
import { requireXen } from '../require-xen.ts';
import type { RunOf } from './index.ts';

/** `xl vcpu-list [DOMAIN…]`. A number that no domain has is said and passed over; the exit status is 0, as xl's. */
export const run: RunOf<'vcpu-list'> = (context, { words }) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const { store } = host.ports;
    const xen = requireXen(
      host,
      'vcpu-list',
      'on the embedded host vcpus are threads of a QEMU, which the kernel places',
    );
    const domids = await Promise.all(words.map((word) => requireDomid(store, word)));
    const domains = words.length === 0 ? listDomains(xen) : domids.map((domid) => getDomainInfo(xen, domid));
    domains.forEach((domain, index) => {
      if (domain === null) printError(noDomain(domids[index]!), terminal, global);
    });
    const found = domains.filter((domain) => domain !== null);
    const vcpus = (await Promise.all(found.map((domain) => vcpusOf(domain, xen, store)))).flat();
    terminal.out(
      global.json
        ? `${JSON.stringify(vcpus, null, 2)}\n`
        : vcpuListLines(vcpus, physinfo(xen).cpus)
            .map((line) => `${line}\n`)
            .join(''),
    );
    return 0;
  });

async function vcpusOf(domain: DomainInfo, xen: Xen, store: StoreView): Promise<ListedVcpu[]> {
  const { domid } = domain;
  const name = (await store.read(`/local/domain/${domid}/name`)) ?? '(null)';
  return listVcpus(xen, domain).map(({ cpuTimeNs, ...vcpu }) => ({
    domid,
    name,
    ...vcpu,
    cpuSeconds: Number(cpuTimeNs) / 1e9,
  }));
}

const noDomain = (domid: number): XlError =>
  new XlError('domain-not-found', `Domain ${domid} does not exist.`, {
    hint: '`xl list` shows the domains that there are',
  });
