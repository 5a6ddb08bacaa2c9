import type { Duplex } from 'node:stream';
import type { HostDescription } from '../lib/host/facts.ts';
import type { ConsoleChoice } from '../lib/host/xen/console.ts';
import type { Xen } from '../lib/host/xen/version.ts';
import { whichHost, type WhichHost } from '../lib/host/which.ts';
import type { JournalPlace } from '../lib/run/journal.ts';
import type { Ports } from '../lib/run/ports.ts';
import type { CommandContext } from './command.ts';
import type { ListedDomain } from './print/lists.ts';
import type { Terminal } from './terminal.ts';

/** A host that commands act on: the same questions and the same doors, whether it is Xen or our own daemon. */
export interface Host {
  readonly kind: WhichHost['kind'];
  readonly ports: Ports;
  readonly description: HostDescription;
  /** The hypervisor, for questions that no plan asks; null on the embedded host, which has none. */
  readonly xen: Xen | null;
  /** What its xenstored can give to domains, as bits; null where that cannot say. */
  readonly storeFeatures: () => Promise<number | null>;
  /** Where runs keep their journals. */
  readonly journal: JournalPlace;
  readonly domains: () => Promise<ListedDomain[]>;
  /** A domain's console, both ways: what was said lately first, then live. */
  readonly console: (domid: number, choice: ConsoleChoice, signal: AbortSignal) => Promise<Duplex>;
  readonly close: () => void;
}

/** The host to act on. Where nobody chose it, that is said in one line. */
export function chooseHost({ global, terminal }: Pick<CommandContext, 'global' | 'terminal'>): WhichHost {
  const host = whichHost(global.host);
  if (!host.chosen && !global.json) sayHost(host, terminal);
  return host;
}

function sayHost({ kind, reason }: WhichHost, terminal: Terminal): void {
  terminal.err(`host: ${kind}, as ${reason}\n`);
}
