import { factsForPlan } from '../facts.ts';
import type { RunOf } from './index.ts';

/** `xl host facts [FILE…]`: what a plan would know; always JSON, for `--facts` to read back. */
export const run: RunOf<'host facts'> = async (context, { options, words }) => {
  const { facts } = await factsForPlan(context, { facts: undefined, assume: options.assume }, words);
  context.terminal.out(`${JSON.stringify(facts, null, 2)}\n`);
  return 0;
};
