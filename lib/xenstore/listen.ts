import { lstat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { errnoOf, XlError } from '../base/error.ts';
import { checkSocketPath } from './dial.ts';

/**
 * Has a server listen on a Unix socket of mode 0600. A socket that a dead server left behind is taken over; throws
 * XlError `socket-in-use` where a server answers, `socket-path-taken` where something else lies there,
 * `socket-path-too-long` over 107 bytes, `socket-failed`.
 */
export async function listenPrivately(server: Server, path: string): Promise<void> {
  checkSocketPath(path);
  await removeStale(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new XlError('socket-failed', `cannot listen at ${path}: ${error.message}`, { cause: error }));
    });
    // bind() happens within listen(): under this mask nobody else can connect even for a moment.
    const mask = process.umask(0o177);
    server.listen(path, resolve);
    process.umask(mask);
  });
}

async function removeStale(path: string): Promise<void> {
  const status = await lstat(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw new XlError('socket-failed', `cannot listen at ${path}: ${errnoOf(error) ?? String(error)}`, {
      cause: error,
    });
  });
  if (status === null) return;
  if (!status.isSocket()) {
    throw new XlError('socket-path-taken', `${path} is there and is no socket`, { hint: 'move it away' });
  }
  if (await answers(path)) {
    throw new XlError('socket-in-use', `another server listens at ${path}`, { hint: 'stop it, or use another path' });
  }
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection(path);
    const done = (answer: boolean): void => {
      probe.destroy();
      resolve(answer);
    };
    probe.once('connect', () => done(true));
    probe.once('error', (error) => done(errnoOf(error) !== 'ECONNREFUSED'));
  });
}
