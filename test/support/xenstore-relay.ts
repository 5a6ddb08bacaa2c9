import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { MessageType, Parser, REPLY_MAX } from '../../lib/xenstore/codec.ts';

/** What went through a relay so far. */
export interface RelayCounts {
  /** Requests, whichever client's. */
  readonly requests: number;
  /** How often a client stood waiting: requests that were sent before an answer came count as one. */
  readonly roundTrips: number;
  readonly connections: number;
}

/** A socket before xenstored's own, which passes everything on and counts the requests. */
export interface Relay {
  counts(): RelayCounts;
  close(): void;
}

/** Listens at `path` in front of the xenstored at `upstream`. */
export async function startRelay(path: string, upstream: string): Promise<Relay> {
  const counts = { requests: 0, roundTrips: 0, connections: 0 };
  const open = new Set<Socket>();
  const server: Server = createServer((client) => {
    const daemon = createConnection(upstream);
    let unanswered = 0;
    counts.connections += 1;
    const pass = (from: Socket, to: Socket, note: (type: number) => void): void => {
      const parser = new Parser(REPLY_MAX);
      open.add(from);
      from.on('data', (bytes) => {
        for (const { type } of parser.feed(bytes)) note(type);
        to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        open.delete(from);
        to.end();
      });
    };
    pass(client, daemon, () => {
      counts.requests += 1;
      if (unanswered === 0) counts.roundTrips += 1;
      unanswered += 1;
    });
    pass(daemon, client, (type) => {
      if (type !== (MessageType.WATCH_EVENT as number)) unanswered -= 1;
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    counts: () => ({ ...counts }),
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
