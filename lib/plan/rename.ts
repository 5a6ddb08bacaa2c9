import type { HostFacts } from '../base/facts.ts';
import type { StoreOp } from '../base/store-op.ts';
import { t } from '../base/text.ts';
import { domainPath, renameDomain } from '../device/domain.ts';
import { keepName } from './keep.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

/**
 * Gives a domain another name: in xenstore, in one transaction that refuses a taken one (libxl_domain.c:libxl__domain_rename),
 * and in the configuration that is kept for `list -l`, save and reboot.
 */
export function planRename(domain: RunningDomain, name: string, facts: Pick<HostFacts, 'dirs'>): Plan {
  return {
    title: `rename ${domain.name ?? `domain ${domain.domid}`} to ${name}`,
    bindings: {},
    steps: [writeNames(domain, name), ...keepName(domain, facts, { before: domain.name, name, needs: ['names'] })],
  };
}

function writeNames({ domid, uuid, name: before }: RunningDomain, name: string): Step {
  const identity = { domid: String(domid), uuid };
  return {
    id: 'names',
    title: 'write the new name',
    why: 'in one transaction, so that no two domains can take one name',
    needs: [],
    action: { kind: 'store', transaction: true, ops: renameDomain(identity, name) },
    undo: [{ kind: 'store', transaction: true, ops: takeBack(identity, name, before) }],
  };
}

/** Only what is still ours to take back: the domain may be gone, or be called something else by now. */
function takeBack(identity: { domid: string; uuid: string | null }, name: string, before: string | null): StoreOp[] {
  if (before === null) return [{ op: 'rm', path: t`${domainPath(identity.domid)}/name` }];
  return renameDomain(identity, before)
    .filter((op) => op.op === 'write')
    .map(({ path }) => ({ op: 'replace', path, from: name, to: before }));
}
