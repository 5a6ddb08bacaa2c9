import { withHost } from '../open-host.ts';
import { vmListLines } from '../print/lists.ts';
import type { RunOf } from './index.ts';

/** `xl vm-list`. */
export const run: RunOf<'vm-list'> = (context) =>
  withHost(context, async (host) => {
    const { terminal, global } = context;
    const vms = (await host.domains()).map(({ uuid, domid, name }) => ({ uuid, domid, name }));
    terminal.out(
      global.json
        ? `${JSON.stringify(vms, null, 2)}\n`
        : vmListLines(vms)
            .map((line) => `${line}\n`)
            .join(''),
    );
    return 0;
  });
