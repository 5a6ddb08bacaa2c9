import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The program as users run it, and where its paths count from. */
const PROJECT = join(import.meta.dirname, '..', '..');
const PROGRAM = join(PROJECT, 'dist', 'xl.cjs');

/** The number of the next domain, and what QEMU's binary said of its version. */
const HOST_MEMORY: ReadonlySet<string> = new Set(['next-domid', 'qemu-version.json']);

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A directory of its own for the embedded host and its images, and the program run against it. */
export class Session {
  readonly directory: string;
  readonly stateDirectory: string;
  private readonly consoles: GuestConsole[] = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.stateDirectory = join(directory, 'state');
  }

  static async open(): Promise<Session> {
    // Short, as the sockets' paths below it may have 107 bytes at most.
    const session = new Session(await mkdtemp(join(tmpdir(), 'xl-e2e-')));
    await mkdir(session.stateDirectory, { mode: 0o700 });
    return session;
  }

  /** Runs `xl ARGS` to its end. */
  xl(...args: string[]): Promise<Outcome> {
    return outcomeOf(this.start(...args));
  }

  /** Runs `xl ARGS` and fails unless it ends with status 0; its stdout. */
  async ok(...args: string[]): Promise<string> {
    const { status, stdout, stderr } = await this.xl(...args);
    if (status !== 0) throw new Error(`xl ${args.join(' ')} ended with ${String(status)}\n${stderr}${stdout}`);
    return stdout;
  }

  start(...args: string[]): ChildProcess {
    return spawn(process.execPath, [PROGRAM, ...args], {
      cwd: PROJECT,
      env: { ...process.env, XL_STATE_DIR: this.stateDirectory, NO_COLOR: '1', XL_HOST: 'embedded', XL_ACCEL: 'tcg' },
      stdio: 'pipe',
    });
  }

  console(domain: string): GuestConsole {
    const opened = new GuestConsole(this.start('console', domain));
    this.consoles.push(opened);
    return opened;
  }

  /** Writes a node of the host's xenstore, as a guest would. */
  write(path: string, value: string): void {
    const env = { ...process.env, XENSTORED_PATH: join(this.stateDirectory, 'xenstored.sock') };
    execFileSync('xenstore-write', [path, value], { env });
  }

  /** Every node of the host's xenstore, as paths. */
  async nodes(): Promise<string[]> {
    const listing = spawn('xenstore-ls', ['-f'], {
      env: { ...process.env, XENSTORED_PATH: join(this.stateDirectory, 'xenstored.sock') },
    });
    const { stdout } = await outcomeOf(listing);
    return stdout
      .split('\n')
      .filter((line) => line.startsWith('/'))
      .map((line) => line.slice(0, line.indexOf(' = ')));
  }

  /** Every file below the state directory, relative to it, save for those that outlive domains: logs and the host's memory. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.stateDirectory, { recursive: true });
    return entries.filter((name) => !/\.log(\.\d+)?$/.test(name) && !HOST_MEMORY.has(name)).sort();
  }

  /** Pids of the QEMU processes that name this session's directory. */
  async machines(): Promise<number[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
        return command.includes('qemu-system') && command.includes(this.stateDirectory) ? [Number(pid)] : [];
      }),
    );
    return found.flat();
  }

  async close(): Promise<void> {
    for (const opened of this.consoles) opened.close();
    await this.xl('host', 'stop');
    await rm(this.directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

export function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const out = { stdout: '', stderr: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (out.stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (out.stderr += text));
  child.stdin?.end();
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, ...out }));
  });
}

/** What a guest says on its console, and what we type to it. */
export class GuestConsole {
  private readonly child: ChildProcess;
  text = '';

  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.text += text));
  }

  /** Waits until the guest has said this since the place `from`; the place after it. */
  async heard(what: string | RegExp, { from = 0, seconds = 60 } = {}): Promise<number> {
    const until = Date.now() + seconds * 1000;
    for (;;) {
      const rest = this.text.slice(from);
      const at = typeof what === 'string' ? rest.indexOf(what) : rest.search(what);
      if (at >= 0) return from + at + 1;
      if (Date.now() > until)
        throw new Error(`the guest never said ${String(what)}; it said:\n${this.text.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Types a command; the place in the text before its answer. */
  type(line: string): number {
    const from = this.text.length;
    this.child.stdin?.write(`${line}\n`);
    return from;
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}
