import { readDevices } from '../../lib/host/inventory.ts';
import type { StoreView } from '../../lib/run/ports.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { networkListHeader, networkListLine, type ListedVif } from '../print/lists.ts';
import { nodeNumber } from '../node-number.ts';
import type { RunOf } from './index.ts';

/** `xl network-list DOMAIN…`. A name that is none ends it, after those before it were listed, as with xl. */
export const run: RunOf<'network-list'> = (context, { words }) =>
  withHost(context, async ({ ports: { store } }) => {
    const { terminal, global } = context;
    const all: ListedVif[] = [];
    if (!global.json) terminal.out(`${networkListHeader()}\n`);
    for (const word of words) {
      const vifs = await vifsOf(store, await requireDomid(store, word));
      all.push(...vifs);
      if (!global.json) terminal.out(vifs.map((vif) => `${networkListLine(vif)}\n`).join(''));
    }
    if (global.json) terminal.out(`${JSON.stringify(all, null, 2)}\n`);
    return 0;
  });

/** The interfaces as libxl_device_nic_getinfo sees them: numbers from the frontend's nodes, -1 where one is missing. */
async function vifsOf(store: StoreView, domid: number): Promise<ListedVif[]> {
  const devices = await readDevices(store, domid);
  return Promise.all(
    devices
      .filter(({ kind }) => kind === 'vif')
      .map(async ({ devid, backendDomid, backend, frontend, frontendState, keys }) => {
        const number = async (name: string): Promise<number> => nodeNumber(await store.read(`${frontend}/${name}`));
        return {
          devid,
          backendDomid,
          frontendDomid: domid,
          mac: keys.mac ?? '00:00:00:00:00:00',
          state: nodeNumber(frontendState),
          eventChannel: await number('event-channel'),
          txRingRef: await number('tx-ring-ref'),
          rxRingRef: await number('rx-ring-ref'),
          backendPath: backend,
        };
      }),
  );
}
