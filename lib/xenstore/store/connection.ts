import { XlError } from '../../base/error.ts';
import { encodeStrings, MessageType, PAYLOAD_MAX } from '../codec.ts';
import type { Packet } from '../codec.ts';
import type { StoreServerCore } from './core.ts';
import { refuse } from './nodes.ts';
import { Outbox } from './outbox.ts';
import { handlerOf } from './requests.ts';
import type { Asked } from './requests.ts';
import type { Caller } from './rights.ts';
import { Transaction } from './transactions.ts';
import type { StoreWatch } from './watches.ts';

/** One party that talks to the store. */
export interface ConnectionOptions {
  /** Who it is. 0, as on every socket, passes all checks. */
  readonly domid: number;
  /** Called when something waits in an outbox that was empty. */
  readonly onOutput?: (() => void) | undefined;
  /** Called when the store ends the connection: its domain is gone, or it does not take its events. */
  readonly onClosed?: (() => void) | undefined;
}

/** One connection's side of the store: its transactions, its watches and its outbox. */
export class StoreConnection {
  readonly domid: number;
  readonly #core: StoreServerCore;
  readonly #options: ConnectionOptions;
  readonly #outbox = new Outbox();
  readonly #transactions = new Map<number, Transaction>();
  #lastTransaction = 0;
  #closed = false;

  /** For StoreServerCore.connect. */
  constructor(core: StoreServerCore, options: ConnectionOptions) {
    this.#core = core;
    this.#options = options;
    this.domid = options.domid;
  }

  get caller(): Caller {
    return { domid: this.domid, target: this.#core.targetOf(this.domid) };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Bytes of replies and events that wait to be taken. */
  get queuedBytes(): number {
    return this.#outbox.bytes;
  }

  /** Serves one request; the reply and what events it caused wait in outboxes then. */
  handle(request: Packet): void {
    if (this.#closed) return;
    const later: (() => void)[] = [];
    const reply = this.#serve(request, (action) => later.push(action));
    this.#send({ requestId: request.requestId, transactionId: request.transactionId, ...reply });
    for (const action of later) action();
  }

  /** Takes what waits to be sent. */
  take(): Packet[] {
    return this.#outbox.take();
  }

  /** Ends the connection: watches and open transactions go with it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transactions.clear();
    this.#core.disconnected(this);
    this.#options.onClosed?.();
  }

  /** RESET_WATCHES. */
  reset(): void {
    this.#core.watches.removeAll(this);
    this.#transactions.clear();
  }

  watch(path: string, token: string, hidden: number): StoreWatch<StoreConnection> {
    const { watches, quota } = this.#core;
    const over = this.domid !== 0 && watches.count(this) > quota.watches;
    if (over) refuse('E2BIG', path);
    return watches.add(this, path, token, hidden) ?? refuse('EEXIST', path);
  }

  /** Queues an event. A connection that lets too many wait is closed: it would else hold the store's memory. */
  sendEvent(watch: StoreWatch<StoreConnection>, path: string): void {
    const payload = encodeStrings([path.slice(watch.hidden), watch.token]);
    this.#send({ type: MessageType.WATCH_EVENT, requestId: 0, transactionId: 0, payload });
    if (this.#outbox.bytes > this.#core.maxQueuedBytes) this.close();
  }

  /** TRANSACTION_START: the id. */
  startTransaction(): number {
    const { tree, quota } = this.#core;
    const privileged = this.domid === 0;
    if (!privileged && this.#transactions.size > quota.transactions) refuse('ENOSPC', 'TRANSACTION_START');
    do this.#lastTransaction = (this.#lastTransaction + 1) >>> 0;
    while (this.#lastTransaction === 0 || this.#transactions.has(this.#lastTransaction));
    this.#transactions.set(
      this.#lastTransaction,
      new Transaction(tree, privileged ? Infinity : quota.transactionNodes),
    );
    return this.#lastTransaction;
  }

  /** TRANSACTION_END of an open transaction: EAGAIN where it conflicts. */
  endTransaction(id: number, commit: boolean): void {
    const transaction = this.#transactions.get(id)!;
    this.#transactions.delete(id);
    if (!commit) return;
    const result = transaction.commit(this.#core.commitLimits());
    if ('refusal' in result) refuse(result.refusal, 'TRANSACTION_END');
    for (const change of result.changes) this.#core.fire(change);
  }

  #serve(request: Packet, later: Asked['later']): { type: number; payload: Buffer } {
    try {
      const payload = this.#answer(request, later);
      if (payload.length > PAYLOAD_MAX) refuse('E2BIG', 'a reply');
      return { type: request.type, payload };
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      return { type: MessageType.ERROR, payload: encodeStrings([error.code.replace('xenstore-', '').toUpperCase()]) };
    }
  }

  #answer(request: Packet, later: Asked['later']): Buffer {
    const handler = handlerOf.get(request.type) ?? refuse('ENOSYS', 'a request');
    if (handler.privileged === true && this.domid !== 0) refuse('EACCES', 'a request');
    const transactionId = handler.anyTransaction === true ? 0 : request.transactionId;
    const transaction = this.#transactions.get(transactionId);
    if (transactionId !== 0 && transaction === undefined) refuse('ENOENT', 'a transaction');
    const context = this.#core.contextOf(this.caller, transaction);
    const { payload } = request;
    return handler.serve({ core: this.#core, connection: this, context, transactionId, payload, later });
  }

  #send(packet: Packet): void {
    if (this.#closed) return;
    const wasEmpty = this.#outbox.bytes === 0;
    this.#outbox.push(packet);
    if (wasEmpty) this.#options.onOutput?.();
  }
}
