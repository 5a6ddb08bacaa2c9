import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as common from '../../../lib/xen/abi/common.ts';
import * as structs from '../../../lib/xen/abi/domctl-structs.ts';
import * as domctl from '../../../lib/xen/abi/domctl.ts';
import * as hypercall from '../../../lib/xen/abi/hypercall.ts';
import { place, type Layout } from '../../../lib/xen/abi/layout.ts';
import * as memory from '../../../lib/xen/abi/memory.ts';
import * as privcmd from '../../../lib/xen/abi/privcmd.ts';
import * as stable from '../../../lib/xen/abi/stable.ts';
import * as sysctl from '../../../lib/xen/abi/sysctl.ts';

/**
 * What Xen's public headers say, by C's names: a struct's size, `offset size` of a field, a constant's value.
 * `absent` where the headers of that release have none.
 */
export type Facts = Readonly<Record<string, string>>;

const numbersOf = (ops: Readonly<Record<string, { readonly cmd: number }>>) =>
  Object.fromEntries(Object.entries(ops).map(([name, { cmd }]) => [name, cmd]));

/** Our tables of constants, by the prefix that C puts before their names. */
const CONSTANTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  __HYPERVISOR_: hypercall.HYPERCALLS,
  DOMID_: hypercall.DOMIDS,
  IOCTL_PRIVCMD_: privcmd.PRIVCMD_IOCTLS,
  XEN_DOMCTL_: numbersOf(domctl.DOMCTLS),
  XEN_DOMCTL_CDF_: structs.CDF,
  XEN_X86_: { MSR_RELAXED: structs.X86_MSR_RELAXED },
  XEN_X86_EMU_: structs.X86_EMU,
  XEN_DOMINF_: structs.DOMINF,
  XEN_VCPUAFFINITY_: structs.VCPUAFFINITY,
  XEN_SCHEDULER_: structs.SCHEDULERS,
  XEN_DOMCTL_SCHEDOP_: structs.DOMCTL_SCHEDOPS,
  XEN_DOMCTL_SENDTRIGGER_: structs.SENDTRIGGERS,
  XEN_DOMCTL_GETDOMSTATE_STATE_: structs.GETDOMSTATE,
  XEN_SYSCTL_: numbersOf(sysctl.SYSCTLS),
  XEN_SYSCTL_PHYSCAP_: sysctl.PHYSCAP,
  XEN_SYSCTL_CPUPOOL_OP_: sysctl.CPUPOOL_OPS,
  XEN_SYSCTL_cpu_policy_: sysctl.CPU_POLICIES,
  XENMEM_: memory.XENMEM,
  XENMEMF_: memory.XENMEMF,
  XENMAPSPACE_: memory.XENMAPSPACE,
  XENMEM_resource_: memory.XENMEM_RESOURCES,
  XENVER_: stable.XENVER,
  EVTCHNOP_: stable.EVTCHNOPS,
  MMUEXT_: stable.MMUEXT,
  HVMOP_: stable.HVMOPS,
  HVM_PARAM_: stable.HVM_PARAMS,
};

/** Structs and fields that only the headers with this macro have. */
const ONLY_WITH: Facts = {
  'struct xen_domctl_get_domain_state': 'XEN_DOMCTL_get_domain_state',
  'struct xen_domctl_createdomain.altp2m.opts': 'XEN_DOMCTL_CDF_trap_unmapped_accesses',
  'struct xen_domctl_createdomain.altp2m.nr': 'XEN_DOMCTL_CDF_trap_unmapped_accesses',
};

const isLayout = (value: unknown): value is Layout =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'struct';
const withInner = (layout: Layout): Layout[] => [
  layout,
  ...Object.values(layout.fields).filter(isLayout).flatMap(withInner),
];
const LAYOUTS = new Set(
  [common, structs, domctl, memory, privcmd, stable, sysctl].flatMap((module) =>
    Object.values(module).filter(isLayout).flatMap(withInner),
  ),
);

/** What our tables say, for an interface of this version (domctl's; nothing that is used of sysctl differs). */
export function ourFacts(version: number): Facts {
  const facts: Record<string, string> = {};
  for (const [prefix, table] of Object.entries(CONSTANTS)) {
    for (const [name, value] of Object.entries(table)) facts[prefix + name] = String(value);
  }
  for (const layout of LAYOUTS) {
    const { size, fields } = place(layout, version);
    facts[layout.name] = String(size);
    for (const field of fields) facts[`${layout.name}.${field.name}`] = `${field.offset} ${field.size}`;
  }
  return facts;
}

/** A C program that prints what the headers say of everything that is in `ourFacts`. */
function program(version: number): string {
  const prints = Object.keys(ourFacts(version)).map((name) => {
    const [type, ...path] = name.split('.');
    const field = path.join('.');
    const isStruct = [...LAYOUTS].some((layout) => layout.name === type);
    if (!isStruct) return guarded(name, name, `(unsigned long long)(${name})`, '%llu');
    const onlyWith = ONLY_WITH[name] ?? ONLY_WITH[type!] ?? '__x86_64__';
    if (field === '') return guarded(name, onlyWith, `sizeof(${type})`, '%zu');
    return guarded(name, onlyWith, `offsetof(${type}, ${field}), sizeof(((${type} *)0)->${field})`, '%zu %zu');
  });
  return `#define __XEN_TOOLS__ 1
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/memory.h>
#include <xen/version.h>
#include <xen/event_channel.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/sys/privcmd.h>
int main(void) {
  printf("XEN_DOMCTL_INTERFACE_VERSION=%u\\n", XEN_DOMCTL_INTERFACE_VERSION);
  printf("XEN_SYSCTL_INTERFACE_VERSION=%u\\n", XEN_SYSCTL_INTERFACE_VERSION);
${prints.join('\n')}
  return 0;
}
`;
}

const guarded = (name: string, macro: string, values: string, format: string): string =>
  [
    `#ifdef ${macro}`,
    `  printf("${name}=${format}\\n", ${values});`,
    '#else',
    `  printf("${name}=absent\\n");`,
    '#endif',
  ].join('\n');

/** Compiles and runs the program in `directory` against the headers below `include`, which has `xen/domctl.h`. */
export function factsOfHeaders(include: string, version: number, directory: string): Facts {
  const source = join(directory, 'facts.c');
  const binary = join(directory, 'facts');
  writeFileSync(source, program(version));
  execFileSync('cc', ['-I', include, '-o', binary, source], { stdio: ['ignore', 'ignore', 'pipe'] });
  return parseFacts(execFileSync(binary, { encoding: 'utf8' }));
}

/** `name=value` lines. */
const parseFacts = (text: string): Facts =>
  Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.includes('='))
      .map((line) => line.split('=') as [string, string]),
  );

/**
 * The facts of each release from 4.17 on, by `4.17`, out of a file in which each section has only what is new in its
 * release. `factsOfHeaders` wrote them, from the headers of each stable branch.
 */
export function factsOfReleases(text: string): ReadonlyMap<string, Facts> {
  const releases = new Map<string, Facts>();
  let facts: Facts = {};
  for (const section of text.split(/^# Xen /m).slice(1)) {
    facts = { ...facts, ...parseFacts(section) };
    releases.set(/^\S+/.exec(section)![0], facts);
  }
  return releases;
}
