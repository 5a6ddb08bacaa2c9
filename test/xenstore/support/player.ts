import { messageName, MessageType, wireText } from '../../../lib/xenstore/codec.ts';
import { connectSocket } from './daemon.ts';
import type { Daemon } from './daemon.ts';
import { RawConnection } from './raw.ts';
import type { Answer } from './raw.ts';

/**
 * One step of a case: who (`sN` a socket, `dN` domain N's own connection), what (a request, or `!introduce`, `!death`,
 * `!raw`), its payload as latin1, and the transaction: a name that a TRANSACTION_START bound (`=name`), or a number.
 */
export type Step = readonly [who: string, op: string | number, payload?: string, transaction?: string | number];

/** All request names of the cases; the last four came with Xen 4.23. */
const requestTypes: Readonly<Record<string, number>> = {
  ...MessageType,
  GET_FEATURE: 23,
  SET_FEATURE: 24,
  GET_QUOTA: 25,
  SET_QUOTA: 26,
};

/** What came of a step: the reply, and the events that each connection had got by the end of it. */
export interface Outcome {
  readonly reply: Answer | null;
  readonly events?: Readonly<Record<string, readonly (readonly string[])[]>>;
}

/** Plays steps on a daemon, one at a time, and tells what came of each. */
export class Player {
  readonly #daemon: Daemon;
  readonly #connections = new Map<string, RawConnection>();
  readonly #transactions = new Map<string, number>();

  constructor(daemon: Daemon) {
    this.#daemon = daemon;
  }

  /** All steps; domains that no step introduces are there from the start. */
  async play(steps: readonly Step[]): Promise<Outcome[]> {
    const late = new Set(steps.filter(([, op]) => op === '!introduce').map(([who]) => who));
    const domains = new Set(steps.map(([who]) => who).filter((who) => who.startsWith('d') && !late.has(who)));
    for (const who of [...domains].sort()) await this.#connection(who);
    const outcomes: Outcome[] = [];
    for (const step of steps) outcomes.push(await this.step(step));
    return outcomes;
  }

  async step([who, op, payload = '', transaction = 0]: Step): Promise<Outcome> {
    const reply = await this.#reply(who, op, payload, transaction);
    if (reply === 'closed' || reply === 'no answer') this.#connections.delete(who);
    const events: Record<string, string[][]> = {};
    for (const [name, connection] of this.#connections) {
      await connection.request('GET_DOMAIN_PATH', '0\0');
      const got = connection.takeEvents();
      if (got.length > 0) events[name] = got;
    }
    return Object.keys(events).length === 0 ? { reply } : { reply, events };
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.destroy();
  }

  async #reply(
    who: string,
    op: string | number,
    payload: string,
    transaction: string | number,
  ): Promise<Answer | null> {
    if (op === '!introduce') {
      await this.#connection(who);
      return null;
    }
    if (op === '!death') {
      // C xenstored tells domains of one number apart by what happened in between: let something happen.
      await (await this.#connection('s0')).request('WRITE', '/tool/xenstored\0');
      this.#connections.get(`d${payload}`)?.destroy();
      this.#connections.delete(`d${payload}`);
      await this.#daemon.killDomain(Number(payload));
      return null;
    }
    const connection = await this.#connection(who);
    if (op === '!raw') {
      const packet = await connection.send(Buffer.from(payload, 'hex'));
      return typeof packet === 'string' ? packet : [messageName(packet.type) ?? packet.type, wireText(packet.payload)];
    }
    if (op === 'INTRODUCE' && /^\d+\0/.test(payload)) this.#daemon.makeDomain(Number.parseInt(payload, 10));
    const binds = typeof transaction === 'string' && transaction.startsWith('=') ? transaction.slice(1) : undefined;
    const id =
      typeof transaction === 'number' ? transaction : binds === undefined ? this.#transactions.get(transaction)! : 0;
    const answer = await connection.request(typeof op === 'number' ? op : requestTypes[op]!, payload, id);
    if (binds === undefined || typeof answer === 'string' || answer[0] !== 'TRANSACTION_START') return answer;
    this.#transactions.set(binds, Number.parseInt(answer[1], 10));
    return ['TRANSACTION_START', '<id>\0'];
  }

  /** A name that nothing has bound yet is a transaction that there is not. */
  #transactionId(transaction: string | number): number {
    return typeof transaction === 'number' ? transaction : (this.#transactions.get(transaction) ?? 4242);
  }

  async #connection(who: string): Promise<RawConnection> {
    const known = this.#connections.get(who);
    if (known !== undefined) return known;
    const connection = new RawConnection(
      who.startsWith('s') ? await connectSocket(this.#daemon) : await this.#domain(who),
    );
    this.#connections.set(who, connection);
    return connection;
  }

  async #domain(who: string) {
    const domid = Number(who.slice(1));
    this.#daemon.makeDomain(domid);
    await (await this.#connection('s0')).request('INTRODUCE', `${domid}\x001\x001\0`);
    return this.#daemon.connectDomain(domid);
  }
}
