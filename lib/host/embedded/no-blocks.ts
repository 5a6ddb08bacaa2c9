import { XlError } from '../../base/error.ts';
import type { Blocks } from '../../run/ports.ts';

const refuse = (): Promise<never> =>
  Promise.reject(new XlError('needs-xen', 'the embedded host has no blkback to give a device to'));

/** The embedded host's machines open their images themselves: only plans for a Xen host have such steps. */
export const noBlocks: Blocks = { connect: refuse, release: refuse };
