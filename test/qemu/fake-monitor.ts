import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { temporaryDirectory } from './real-qemu.ts';

export const greeting = '{"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 7}}, "capabilities": []}}\r\n';

export interface Command {
  readonly execute: string;
  readonly id: number;
}

/** What the monitor does with a command; `qmp_capabilities` it grants by itself. */
export type Script = (command: Command, socket: Socket) => void;

export interface FakeMonitor {
  readonly path: string;
  readonly stop: () => Promise<void>;
}

/** A monitor that greets with these bytes and then follows a script. */
export async function fakeMonitor(script: Script, opening: string | null = greeting): Promise<FakeMonitor> {
  const directory = temporaryDirectory();
  const path = join(directory.path, 'qmp');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    if (opening !== null) socket.write(opening);
    let text = '';
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        const command = JSON.parse(line) as Command;
        if (command.execute === 'qmp_capabilities') answer(socket, command.id);
        else script(command, socket);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => {
          directory.remove();
          resolve();
        });
      }),
  };
}

/** Answers a command with an empty object, or this. */
export function answer(socket: Socket, id: unknown, value: unknown = {}): void {
  socket.write(`${JSON.stringify({ return: value, id })}\r\n`);
}
