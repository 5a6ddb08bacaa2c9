import { usersOf } from '../../lib/host/dscow/device.ts';
import { columns } from '../print/columns.ts';
import { visible } from '../print/text.ts';
import { dscowRegistry } from '../dscow.ts';
import type { RunOf } from './index.ts';

/** `xl dscow list`: every server, and devices whose server is gone. */
export const run: RunOf<'dscow list'> = async ({ terminal, global }) => {
  const registry = await dscowRegistry();
  const [servers, devices] = await Promise.all([registry.servers(), registry.devices()]);
  const names = [...new Set([...servers, ...devices].map(({ name }) => name))].sort();
  const rows = await Promise.all(
    names.map(async (name) => {
      const server = servers.find((record) => record.name === name) ?? null;
      const device = devices.find((record) => record.name === name) ?? null;
      const users = server === null ? [] : await usersOf(server.socket);
      return { name, server, device, users };
    }),
  );
  if (global.json) {
    const list = rows.map(({ name, server, device, users }) => ({
      name,
      file: server?.file ?? null,
      base: server?.base ?? null,
      socket: server?.socket ?? null,
      device: device?.device ?? null,
      pid: server?.pid ?? null,
      users,
    }));
    terminal.out(`${JSON.stringify(list, null, 2)}\n`);
    return 0;
  }
  const table = rows.map(({ name, server, device, users }) => [
    name,
    server === null ? 'gone' : String(server.pid),
    String(users.length),
    device?.device ?? '-',
    server === null
      ? `its server has died; xl dscow detach ${name} cleans up`
      : visible(`${server.file} over ${server.base}`),
  ]);
  const heads = ['Name', 'Pid', 'Users', 'Device', 'File'];
  terminal.out(`${columns([heads, ...table], { width: terminal.outStyle.width }).join('\n')}\n`);
  return 0;
};
