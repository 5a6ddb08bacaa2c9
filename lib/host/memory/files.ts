import { XlError } from '../../base/error.ts';
import type { Clock, Files } from '../../run/ports.ts';

/** How often a lock that is held is looked at, in milliseconds. */
const LOOK_MS = 10;

/** Files in a map; directories are there as soon as they are made. */
export class MemoryFiles implements Files {
  readonly files = new Map<string, { readonly content: string; readonly mode: number }>();
  readonly directories = new Map<string, number>();
  readonly locks = new Set<string>();
  private readonly clock: Clock;
  private readonly logs: ReadonlyMap<string, readonly string[]>;

  constructor(clock: Clock, logs: ReadonlyMap<string, readonly string[]>) {
    this.clock = clock;
    this.logs = logs;
  }

  async write(path: string, content: string, mode: number): Promise<void> {
    await Promise.resolve();
    this.files.set(path, { content, mode });
  }

  async mkdir(path: string, mode: number): Promise<void> {
    await Promise.resolve();
    if (!this.directories.has(path)) this.directories.set(path, mode);
  }

  async remove(path: string): Promise<void> {
    await Promise.resolve();
    this.files.delete(path);
  }

  async tail(path: string, lines: number): Promise<string[]> {
    await Promise.resolve();
    return (this.logs.get(path) ?? []).slice(-lines);
  }

  async lock(path: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<() => Promise<void>> {
    const deadline = this.clock.monotonic() + options.timeoutMs;
    while (this.locks.has(path)) {
      if (this.clock.monotonic() >= deadline) throw new XlError('lock-timeout', `another process holds ${path}`);
      await this.clock.sleep(LOOK_MS, options.signal);
    }
    this.locks.add(path);
    return async () => {
      await Promise.resolve();
      this.locks.delete(path);
    };
  }

  async append(path: string, line: string): Promise<void> {
    await Promise.resolve();
    const before = this.files.get(path);
    this.files.set(path, { content: `${before?.content ?? ''}${line}\n`, mode: before?.mode ?? 0o600 });
  }

  async read(path: string): Promise<string | null> {
    await Promise.resolve();
    return this.files.get(path)?.content ?? null;
  }

  async list(directory: string): Promise<string[]> {
    await Promise.resolve();
    const prefix = `${directory}/`;
    return [...this.files.keys()].filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
  }
}
