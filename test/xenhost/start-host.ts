import { join } from 'node:path';
import { PROJECT_IN_DOM0, xenHost } from './dom0.ts';

const PROJECT = join(import.meta.dirname, '..', '..');

/** What dom0 needs of the project: the program, and the one native package. */
const NEEDED = ['dist', 'node_modules/koffi', 'node_modules/@koromix/koffi-linux-x64'];

/** Starts a fresh Xen host with the project in its dom0; the function that is given back stops it. XL_XENHOST_KEEP=1 uses one that runs, and leaves it running. */
export default async function startHost(): Promise<() => Promise<void>> {
  const keep = process.env.XL_XENHOST_KEEP === '1';
  const runs = await xenHost.runs();
  if (runs && !keep) throw new Error('the Xen host runs already; stop it, or use it with XL_XENHOST_KEEP=1');
  const stop = async (): Promise<void> => {
    if (!keep) await xenHost.stop();
  };
  try {
    if (!runs) await xenHost.start();
    for (const path of NEEDED) await xenHost.push(join(PROJECT, path), `${PROJECT_IN_DOM0}/${path}`);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}
