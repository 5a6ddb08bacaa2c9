import { planMemSet } from '../../lib/plan/memory.ts';
import { setMemory } from '../set-memory.ts';
import type { RunOf } from './index.ts';

/** `xl mem-set DOMAIN SIZE`. */
export const run: RunOf<'mem-set'> = (context, given) =>
  setMemory(context, given, { command: 'mem-set', kind: 'dynamic', plan: planMemSet });
