import { XlError } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import type { StoreOp } from '../base/store-op.ts';
import { t } from '../base/text.ts';
import { domainPath, renameDomain } from '../device/domain.ts';
import { userdataFile } from '../device/files.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step } from './step.ts';

/** What a domain is to be called, and what its toolstack keeps of it. */
export interface Renaming {
  readonly name: string;
  /** The text of its userdata file (libxl's JSON); null where there is none. */
  readonly kept: string | null;
}

/**
 * Gives a domain another name: in xenstore, in one transaction that refuses a taken one (libxl_domain.c:libxl__domain_rename),
 * and in the configuration that is kept for `list -l`, save and reboot. Throws XlError `userdata-broken` where that is
 * no configuration.
 */
export function planRename(domain: RunningDomain, renaming: Renaming, facts: Pick<HostFacts, 'dirs'>): Plan {
  return {
    title: `rename ${domain.name ?? `domain ${domain.domid}`} to ${renaming.name}`,
    bindings: {},
    steps: [writeNames(domain, renaming.name), ...keepName(domain, renaming, facts)],
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

function keepName({ domid, uuid }: RunningDomain, { name, kept }: Renaming, { dirs }: Pick<HostFacts, 'dirs'>): Step[] {
  if (uuid === null || kept === null) return [];
  const path = userdataFile(dirs, String(domid), uuid);
  const write = (content: string) => ({ kind: 'file', op: 'write', path, content, mode: 0o600 }) as const;
  return [
    {
      id: 'configuration',
      title: 'keep the new name',
      why: '`list -l`, save and reboot read it from the kept configuration',
      needs: ['names'],
      action: write(withName(kept, name)),
      undo: [write(kept)],
    },
  ];
}

/** The configuration under another name. libxl ends its file with a NUL, which stays. */
function withName(text: string, name: string): string {
  const end = /[\s\0]*$/.exec(text)![0];
  const config = parse(text.slice(0, text.length - end.length));
  return `${JSON.stringify({ ...config, c_info: { ...config.c_info, name } }, null, 4)}${end}`;
}

function parse(text: string): { readonly c_info: object } {
  try {
    const config: unknown = JSON.parse(text);
    if (hasCreateInfo(config)) return config;
  } catch {
    // What is no JSON is no configuration either.
  }
  throw new XlError('userdata-broken', 'what is kept of the domain’s configuration cannot be read', {
    hint: 'the userdata file of the domain is damaged; it can be moved away, as nothing runs by it',
  });
}

const hasCreateInfo = (value: unknown): value is { c_info: object } =>
  typeof value === 'object' &&
  value !== null &&
  'c_info' in value &&
  typeof value.c_info === 'object' &&
  value.c_info !== null;
