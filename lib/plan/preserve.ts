import type { HostFacts } from '../base/facts.ts';
import { show, t, type Text } from '../base/text.ts';
import { domainPath, renameDomain, vmPath } from '../device/domain.ts';
import { givenFile, userdataFile } from '../device/files.ts';
import { parseKept } from '../libxl-json/change.ts';
import { printJson, type JsonValue } from '../libxl-json/json.ts';
import type { RunningDomain } from './running.ts';
import type { Plan, Step, StoreOp } from './step.ts';

/** What a domain that is put aside gets, so that its name and uuid are free for the one that follows it. */
export interface Preserving {
  readonly name: string;
  readonly uuid: string;
  /** libxl's JSON of the domain; null where there is none. */
  readonly json: string | null;
}

/**
 * Puts a domain aside whose guest has ended, for someone to look at: another name and another uuid, in xenstore, in the
 * hypervisor and in its userdata (libxl_domain.c:libxl_domain_preserve). Nobody makes it again, so what was kept for
 * that goes.
 */
export function planPreserve(domain: RunningDomain, to: Preserving, { dirs }: Pick<HostFacts, 'dirs'>): Plan {
  const { domid, uuid } = domain;
  const id = String(domid);
  return {
    title: `put ${domain.name ?? `domain ${domid}`} aside as ${to.name}`,
    bindings: {},
    steps: [
      {
        id: 'names',
        title: 'write the new name and uuid',
        why: 'the next domain gets the old ones; in one transaction, so that no two domains can take one name',
        needs: [],
        action: { kind: 'store', transaction: true, ops: newIdentity(domain, to) },
        undo: [],
      },
      {
        id: 'handle',
        title: 'give the domain its new uuid',
        why: 'Xen knows domains by it, too',
        needs: ['names'],
        action: { kind: 'hypercall', call: { op: 'setdomainhandle', domid: id, uuid: to.uuid } },
        undo: [],
      },
      ...(to.json === null ? [] : [keepConfiguration(userdataFile(dirs, id, to.uuid), withIdentity(to.json, to))]),
      ...(uuid === null ? [] : [userdataFile, givenFile].map((fileOf) => removeFile(fileOf(dirs, id, uuid)))),
    ],
  };
}

function keepConfiguration(path: Text, content: string): Step {
  return {
    id: 'configuration',
    title: 'keep the configuration under the new name',
    why: '`list -l` reads it, stock xl too',
    needs: ['handle'],
    action: { kind: 'file', op: 'write', path, content, mode: 0o600 },
    undo: [],
  };
}

function removeFile(path: Text): Step {
  return {
    id: `remove-${show(path).endsWith('-ts') ? 'kept' : 'userdata'}`,
    title: `remove ${show(path)}`,
    why: 'it goes by the old uuid',
    needs: ['handle'],
    action: { kind: 'file', op: 'remove', path },
    undo: [],
  };
}

function newIdentity({ domid, uuid }: RunningDomain, to: Preserving): StoreOp[] {
  const id = String(domid);
  const vm = vmPath(to.uuid);
  return [
    ...(uuid === null ? [] : [{ op: 'rm', path: vmPath(uuid) } as const]),
    { op: 'mkdir', path: vm, perms: ['n0', `r${id}`] },
    { op: 'write', path: t`${domainPath(id)}/vm`, value: vm },
    { op: 'write', path: t`${vm}/uuid`, value: to.uuid },
    ...renameDomain({ domid: id, uuid: to.uuid }, to.name),
  ];
}

/** libxl's JSON of the domain under its new identity. libxl ends its file with a NUL. */
function withIdentity(text: string, { name, uuid }: Preserving): string {
  const config = parseKept(text);
  const info = config.c_info as Readonly<Record<string, JsonValue>>;
  return `${printJson({ ...config, c_info: { ...info, name, uuid } })}\0`;
}
