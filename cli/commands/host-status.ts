import type { HostStatus } from '../../lib/host/embedded/control.ts';
import { connectRunning } from '../../lib/host/embedded/start.ts';
import { whichHost } from '../../lib/host/which.ts';
import { describeEmbedded, embeddedStateDir } from '../embedded.ts';
import { columns } from '../print/columns.ts';
import type { RunOf } from './index.ts';

/** `xl host status`: which host commands act on, why, and whether it runs. Starts nothing. */
export const run: RunOf<'host status'> = async ({ terminal, global, signal }) => {
  const which = whichHost(global.host);
  const dir = embeddedStateDir();
  const [description, connection] = await Promise.all([describeEmbedded(dir), connectRunning(dir, signal)]);
  connection?.close();
  const daemon = connection === null ? null : connection.status;
  if (global.json) {
    const { kind, reason } = which;
    const embedded = { stateDirectory: dir.root, xenstored: dir.xenstored, daemon, ...description };
    terminal.out(`${JSON.stringify({ host: kind, reason, embedded }, null, 2)}\n`);
    return 0;
  }
  const { qemu } = description;
  const rows = [
    ['host', `${which.kind}, as ${which.reason}`],
    ['embedded', daemon === null ? 'does not run' : running(daemon)],
    ['state', dir.root],
    ['xenstore', `XENSTORED_PATH=${dir.xenstored}`],
    ['qemu', `${qemu.path}, ${qemu.accel}: ${qemu.accelReason}`],
  ];
  terminal.out(`${columns(rows, { width: terminal.outStyle.width }).join('\n')}\n`);
  return 0;
};

function running({ pid, startedAt, domains }: HostStatus): string {
  const since = new Date(startedAt * 1000).toISOString().slice(0, 19).replace('T', ' ');
  return `runs since ${since} UTC as process ${pid}, ${domains} domain${domains === 1 ? '' : 's'}`;
}
