import { findDomid } from '../find-domain.ts';
import { nodeNumber } from '../node-number.ts';
import { readDevices } from '../../lib/host/inventory.ts';
import { withHost } from '../open-host.ts';
import { blockListLines, type ListedDisk } from '../print/lists.ts';
import type { StoreView } from '../../lib/run/ports.ts';
import type { RunOf } from './index.ts';

/** `xl block-list DOMAIN…`. A domain that is none is said and passed over; the exit status is 0, as xl's. */
export const run: RunOf<'block-list'> = (context, { words }) =>
  withHost(context, async ({ ports: { store } }) => {
    const { terminal, global } = context;
    const disks: ListedDisk[] = [];
    for (const word of words) {
      const domid = await findDomid(store, word);
      if (domid === null) terminal.err(`${word} is an invalid domain identifier\n`);
      else disks.push(...(await disksOf(store, domid)));
    }
    terminal.out(
      global.json
        ? `${JSON.stringify(disks, null, 2)}\n`
        : blockListLines(disks)
            .map((line) => `${line}\n`)
            .join(''),
    );
    return 0;
  });

/** The disks as libxl_device_disk_getinfo sees them: numbers from the frontend's nodes, -1 where one is missing. */
async function disksOf(store: StoreView, domid: number): Promise<ListedDisk[]> {
  const devices = await readDevices(store, domid);
  return Promise.all(
    devices
      .filter(({ kind }) => kind === 'vbd' || kind === 'virtio_disk')
      .map(async ({ devid, backendDomid, backend, frontend, frontendState }) => ({
        devid,
        backendDomid,
        frontendDomid: domid,
        state: nodeNumber(frontendState),
        eventChannel: nodeNumber(await store.read(`${frontend}/event-channel`)),
        ringRef: nodeNumber(await store.read(`${frontend}/ring-ref`)),
        backendPath: backend,
      })),
  );
}
