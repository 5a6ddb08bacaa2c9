import { decode, encode } from '../../xen/abi/codec.ts';
import {
  decodeDomctl,
  encodeDomctl,
  type DomctlInput,
  type DomctlName,
  type DomctlValue,
} from '../../xen/abi/domctl.ts';
import type { HypercallName } from '../../xen/abi/hypercall.ts';
import type { Fields, InputOf, Layout, StructValue } from '../../xen/abi/layout.ts';
import { XENMEM, type XenmemName } from '../../xen/abi/memory.ts';
import {
  decodeSysctl,
  encodeSysctl,
  type SysctlInput,
  type SysctlName,
  type SysctlValue,
} from '../../xen/abi/sysctl.ts';
import type { HypercallBuffer } from './hypercall-arena.ts';
import type { Xen } from './version.ts';

/** Makes a domctl of a domain: what Xen left in the argument, and the domain that it named. */
export function domctl<N extends DomctlName>(
  { privcmd, domctl: version }: Xen,
  name: N,
  domid: number,
  values: DomctlInput<N>,
): { readonly domain: number; readonly values: DomctlValue<N> } {
  return privcmd.arena.scoped(() => {
    const argument = privcmd.arena.place(encodeDomctl(name, domid, values, version));
    privcmd.hypercall('domctl', [argument.address], `domctl ${name} of domain ${domid}`);
    return decodeDomctl(name, argument.bytes, version);
  });
}

/** Makes a sysctl: what Xen left in the argument. */
export function sysctl<N extends SysctlName>(
  { privcmd, sysctl: version }: Xen,
  name: N,
  values: SysctlInput<N>,
): SysctlValue<N> {
  return privcmd.arena.scoped(() => {
    const argument = privcmd.arena.place(encodeSysctl(name, values, version));
    privcmd.hypercall('sysctl', [argument.address], `sysctl ${name}`);
    return decodeSysctl(name, argument.bytes, version);
  });
}

/** Makes a memory_op; its result is a number of Xen's, mostly of what was done. */
export function memoryOp<F extends Fields>(
  xen: Xen,
  name: XenmemName,
  layout: Layout<F>,
  values: InputOf<Layout<F>> & { readonly domid: number },
): { readonly result: number; readonly values: StructValue<F> } {
  return subOp(xen, 'memory_op', XENMEM[name], layout, values, `memory_op ${name} of domain ${values.domid}`);
}

/** Makes a hypercall of the form op(sub-op, pointer to struct). */
export function subOp<F extends Fields>(
  { privcmd }: Xen,
  hypercall: HypercallName,
  number: number,
  layout: Layout<F>,
  values: InputOf<Layout<F>>,
  what: string,
): { readonly result: number; readonly values: StructValue<F> } {
  return privcmd.arena.scoped(() => {
    const argument = privcmd.arena.place(encode(layout, values));
    const result = privcmd.hypercall(hypercall, [number, argument.address], what);
    return { result, values: decode(layout, argument.bytes) };
  });
}

/** Runs a call that needs memory beside its argument: a list, a bitmap, a buffer. It is gone at the end. */
export function withRoom<T>({ privcmd }: Xen, size: number, call: (buffer: HypercallBuffer) => T): T {
  return privcmd.arena.scoped(() => call(privcmd.arena.room(size)));
}

/** The same, with these bytes in it. */
export function withBytes<T>({ privcmd }: Xen, content: Uint8Array, call: (buffer: HypercallBuffer) => T): T {
  return privcmd.arena.scoped(() => call(privcmd.arena.place(content)));
}
