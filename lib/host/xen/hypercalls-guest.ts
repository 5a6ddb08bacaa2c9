import { evtchnAllocUnbound, EVTCHNOPS, HVM_PARAMS, HVMOPS, hvmParam, type HvmParam } from '../../xen/abi/stable.ts';
import { subOp } from './hypercalls-call.ts';
import type { Xen } from './version.ts';

// What a guest finds when it wakes: settings and event channels. Both interfaces are stable.

/** A setting by its name or by its number. */
export type HvmParamId = HvmParam | number;

/**
 * HVMOP_set_param (xen/include/public/hvm/params.h): a setting of a PVH or HVM guest. ALTP2M can only be read since
 * Xen 4.19, where createdomain decides it, and off is what it decides unless told: to set that is no call there.
 */
export function setHvmParam(xen: Xen, domid: number, param: HvmParamId, value: number | bigint): void {
  const isAltp2m = param === 'ALTP2M' || param === HVM_PARAMS.ALTP2M;
  if (isAltp2m && BigInt(value) === 0n && xen.domctl >= ALTP2M_AT_CREATION) return;
  hvmOp(xen, 'set_param', domid, param, value);
}
const ALTP2M_AT_CREATION = 0x17;

/** HVMOP_get_param. */
export const getHvmParam = (xen: Xen, domid: number, param: HvmParamId): bigint =>
  hvmOp(xen, 'get_param', domid, param, 0).value;

function hvmOp(xen: Xen, op: keyof typeof HVMOPS, domid: number, param: HvmParamId, value: number | bigint) {
  const index = typeof param === 'number' ? param : HVM_PARAMS[param];
  const what = `hvm_op ${op} ${param} of domain ${domid}`;
  return subOp(xen, 'hvm_op', HVMOPS[op], hvmParam, { domid, index, value: BigInt(value) }, what).values;
}

/** EVTCHNOP_alloc_unbound: a new port of the domain to which the other one may connect (event_channel.h). */
export function allocUnbound(xen: Xen, domid: number, remoteDomid: number): number {
  const what = `event_channel_op alloc_unbound of domain ${domid}`;
  const values = { dom: domid, remote_dom: remoteDomid };
  return subOp(xen, 'event_channel_op', EVTCHNOPS.alloc_unbound, evtchnAllocUnbound, values, what).values.port;
}
