import { unreachable } from '../../base/error.ts';
import { defaultScheduler, getSchedulerParams, type SchedulerParams } from './hypercalls.ts';
import type { JsonObject } from '../../libxl-json/json.ts';
import type { Xen } from './version.ts';

/** A domain's share of the CPUs in libxl's words (`libxl_domain_sched_params`); null of a scheduler that we do not know. */
export function readScheduling(xen: Xen, domid: number): JsonObject | null {
  const scheduler = defaultScheduler(xen);
  if (scheduler !== 'CREDIT' && scheduler !== 'CREDIT2' && scheduler !== 'RTDS') return null;
  return inWordsOfLibxl(getSchedulerParams(xen, domid, scheduler));
}

function inWordsOfLibxl(params: SchedulerParams): JsonObject {
  switch (params.scheduler) {
    case 'CREDIT':
    case 'CREDIT2':
      return { sched: params.scheduler.toLowerCase(), weight: params.weight, cap: params.cap };
    case 'RTDS':
      return { sched: 'rtds', period: params.period, budget: params.budget };
    default:
      return unreachable(params);
  }
}
