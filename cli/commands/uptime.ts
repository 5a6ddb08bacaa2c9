import { XlError } from '../../lib/base/error.ts';
import type { Files, StoreView } from '../../lib/run/ports.ts';
import { requireDomid } from '../find-domain.ts';
import { withHost } from '../open-host.ts';
import { shortUptimeLines, uptimeLines, type DomainUptime } from '../print/uptime.ts';
import type { RunOf } from './index.ts';

/** xl's exit status where domain 0's own uptime cannot be read (-1). */
const EXIT_NO_UPTIME = 255;

/** `xl uptime [-s] [Domain…]`. Domains that nobody has noted a start of are passed over. */
export const run: RunOf<'uptime'> = (context, { options, words }) =>
  withHost(context, async ({ ports, domains }) => {
    const { store, files, clock } = ports;
    const { terminal, global } = context;
    const domids =
      words.length === 0
        ? (await domains()).map(({ domid }) => domid)
        : await Promise.all(words.map((word) => requireDomid(store, word)));
    const now = clock.now();
    const found = await Promise.all(domids.map((domid) => uptimeOf(domid, now, store, files)));
    const uptimes = found.filter((uptime) => uptime !== null);
    if (global.json) terminal.out(`${JSON.stringify(uptimes, null, 2)}\n`);
    else {
      const lines = options.short ? shortUptimeLines(uptimes, new Date(now * 1000)) : uptimeLines(uptimes);
      terminal.out(lines.map((line) => `${line}\n`).join(''));
    }
    return 0;
  });

async function uptimeOf(domid: number, now: number, store: StoreView, files: Files): Promise<DomainUptime | null> {
  const name = (await store.read(`/local/domain/${domid}/name`)) ?? '';
  const seconds = domid === 0 ? await ownUptime(files) : await guestUptime(domid, now, store);
  return seconds === null ? null : { domid, name, seconds };
}

/** proc(5): seconds since boot, with decimals, are the first word. */
async function ownUptime(files: Files): Promise<number> {
  const text = await files.read('/proc/uptime').catch(() => null);
  const seconds = Number.parseInt(text ?? '', 10);
  if (Number.isNaN(seconds)) throw new XlError('no-uptime', 'Can not get Dom0 uptime.', { exitCode: EXIT_NO_UPTIME });
  return seconds;
}

/** The toolstack noted when it built the guest: seconds since 1970. */
async function guestUptime(domid: number, now: number, store: StoreView): Promise<number | null> {
  const vm = await store.read(`/local/domain/${domid}/vm`);
  const start = vm === null ? null : await store.read(`${vm}/start_time`);
  if (start === null || !/^\d+(\.\d+)?$/.test(start)) return null;
  return Math.max(0, Math.floor(now) - Math.floor(Number(start)));
}
