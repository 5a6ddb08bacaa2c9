import { planMemMax } from '../../lib/plan/memory.ts';
import { setMemory } from '../set-memory.ts';
import type { RunOf } from './index.ts';

/** `xl mem-max DOMAIN SIZE`. */
export const run: RunOf<'mem-max'> = (context, given) =>
  setMemory(context, given, { command: 'mem-max', kind: 'static', plan: planMemMax });
