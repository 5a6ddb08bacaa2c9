import type { BuildStep } from './build-plan.ts';
import { hvmParam } from './special-pages.ts';

/** Settings of an HVM or PVH guest's virtual hardware, as xl.cfg's keys of these names have them. */
export interface Platform {
  /** How missed ticks reach the guest: 0 delay, 1 no delay, 2 no missed ticks pending, 3 one. */
  readonly timerMode: number;
  /** 0 disabled, 1 mixed, 2 external, 3 limited. */
  readonly altp2m: number;
  /** HVM only. */
  readonly hpet: boolean;
  readonly vptAlign: boolean;
  /** Bits of HVM_PARAM_VIRIDIAN (public/hvm/params.h); 0 for a guest that is not Windows. */
  readonly viridian: number;
  /** Bits of HVM_PARAM_MCA_CAP. */
  readonly mcaCaps: number;
}

/** What libxl takes for each that is not said. */
export const DEFAULT_PLATFORM: Platform = {
  timerMode: 1,
  altp2m: 0,
  hpet: true,
  vptAlign: true,
  viridian: 0,
  mcaCaps: 0,
};

/** The parameters that say so, in libxl's order (libxl_x86.c). */
export function platformSteps(type: 'pvh' | 'hvm', platform: Platform): BuildStep[] {
  const { timerMode, altp2m, hpet, vptAlign, viridian, mcaCaps } = platform;
  const common = [hvmParam('TIMER_MODE', timerMode)];
  if (type === 'pvh') return [...common, hvmParam('ALTP2M', altp2m)];
  return [
    hvmParam('HPET_ENABLED', Number(hpet)),
    hvmParam('VPT_ALIGN', Number(vptAlign)),
    ...(mcaCaps === 0 ? [] : [hvmParam('MCA_CAP', mcaCaps)]),
    ...common,
    ...(viridian === 0 ? [] : [hvmParam('VIRIDIAN', viridian)]),
    hvmParam('ALTP2M', altp2m),
  ];
}
