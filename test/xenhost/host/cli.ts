import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { XlError } from '../../../lib/base/error.ts';
import { build } from './build.ts';
import { alone, start, stop } from './lifecycle.ts';
import { runningPid } from './machine.ts';
import { hostError, RUN } from './places.ts';
import { commandInDom0, push } from './way-in.ts';

const USAGE = `usage: xen-host VERB

  build                      make the image, where it is not there
  start                      a fresh dom0; makes the image and the saved state where they are not there
  stop                       end it, with all that was changed in it
  status                     whether it runs; 1 where it does not
  exec [-t] [--] COMMAND…    run a command in dom0, with -t on a terminal; ends with its status
  push SOURCE DESTINATION    copy a file, or what is in a directory, into dom0
  console                    what Xen and dom0's kernel said
`;

/** What ssh ends with where dom0 does not answer. */
const CONNECTION_LOST = 255;

/** Does what the words of a command line say; the exit status. 125 where the harness itself failed. */
export async function main(words: readonly string[]): Promise<number> {
  try {
    return await act(words);
  } catch (error) {
    if (!(error instanceof XlError)) throw error;
    process.stderr.write(`xen-host: ${error.message}\n${error.hint === undefined ? '' : `  ${error.hint}\n`}`);
    return 125;
  }
}

async function act([verb = 'help', ...words]: readonly string[]): Promise<number> {
  switch (verb) {
    case 'build':
      await alone(build);
      return 0;
    case 'start':
      await alone(async () => {
        build();
        await start();
      });
      return 0;
    case 'stop':
      await stop();
      return 0;
    case 'status': {
      const pid = runningPid();
      process.stdout.write(pid === null ? 'stopped\n' : `running, process ${pid}\n`);
      return pid === null ? 1 : 0;
    }
    case 'exec':
      return exec(words);
    case 'push': {
      const [source, destination] = words;
      if (source === undefined || destination === undefined) throw hostError('push SOURCE DESTINATION');
      await push(source, destination);
      return 0;
    }
    case 'console':
      process.stdout.write(readFileSync(RUN.console));
      return 0;
    default:
      process.stderr.write(USAGE);
      return 2;
  }
}

async function exec(words: readonly string[]): Promise<number> {
  const asked = words[0] === '-t';
  const rest = asked ? words.slice(1) : words;
  const command = rest[0] === '--' ? rest.slice(1) : rest;
  if (command.length === 0) throw hostError('exec: no command');
  const [program = '', ...line] = commandInDom0(command, asked || (process.stdin.isTTY && process.stdout.isTTY));
  const child = spawn(program, line, { stdio: 'inherit' });
  // What ends us ends ssh; a terminal's Ctrl-C has reached it already. The command itself goes on in dom0.
  for (const signal of ['SIGTERM', 'SIGHUP'] as const) process.once(signal, () => child.kill(signal));
  process.on('SIGINT', () => undefined);
  const [status] = (await once(child, 'close')) as [number | null];
  return status ?? CONNECTION_LOST;
}
