import type { HypercallResult } from '../plan/hypercall.ts';

/**
 * The doors to the world. lib/run walks a plan and knows only these; lib/host/xen, lib/host/embedded and
 * lib/host/memory each stand behind them. Every call takes an AbortSignal and ends soon after it fires.
 */
export interface Ports {
  readonly hypervisor: Hypervisor;
  readonly store: Store;
  readonly processes: Processes;
  readonly blocks: Blocks;
  readonly files: Files;
  readonly monitors: Monitors;
  readonly clock: Clock;
}

/** A hypercall of lib/plan/hypercall.ts with every hole filled. */
export type FilledHypercall = { readonly op: string } & Readonly<Record<string, unknown>>;

export interface Hypervisor {
  call(call: FilledHypercall, signal: AbortSignal): Promise<HypercallResult>;
}

/** Reading and writing xenstore, inside a transaction or out of it. Values are UTF-8 text. */
export interface StoreView {
  /** The value, or null where there is no node. */
  read(path: string): Promise<string | null>;
  /** Names of the children, or null where there is no node. */
  directory(path: string): Promise<string[] | null>;
  /** Permissions as written (`n0`, `r7`), the owner first; null where there is no node. */
  getPerms(path: string): Promise<string[] | null>;
  write(path: string, value: string): Promise<void>;
  mkdir(path: string): Promise<void>;
  /** Removes the subtree; a missing one is fine. */
  rm(path: string): Promise<void>;
  setPerms(path: string, perms: readonly string[]): Promise<void>;
}

export interface Store extends StoreView {
  /** Runs the body in a transaction and commits; runs it again while the commit answers EAGAIN. A throw aborts it. */
  transaction<T>(body: (view: StoreView) => Promise<T>, options?: { signal?: AbortSignal }): Promise<T>;
  /** Paths that changed at or below `path`; the first comes at once and says only that the watch stands. */
  watch(path: string, options: { signal: AbortSignal }): AsyncIterable<string>;
  introduce(domid: number, gfn: bigint, port: number): Promise<void>;
  release(domid: number): Promise<void>;
}

export interface SpawnRequest {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly log: string;
  readonly domid: number;
  /** The directory against which the process reads relative paths; ours unless said. */
  readonly cwd?: string;
}
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: string | null;
}
export interface Processes {
  /** Starts a process that lives on without us. `exited` settles if it ends while we still look. */
  spawn(request: SpawnRequest, signal: AbortSignal): Promise<{ pid: number; exited: Promise<ExitStatus> }>;
  /**
   * Ends a process that serves this domain; true if it was there. Never touches a pid that has another owner by now.
   * Without a pid: whatever `spawn` has started for the domain and nobody has noted.
   */
  kill(target: { pid: number | null; domid: number; signal: NodeJS.Signals; graceMs: number }): Promise<boolean>;
  /** Runs a command to its end, bounded; the output is both streams' text. */
  run(
    command: { argv: readonly string[]; env: Readonly<Record<string, string>>; timeoutMs: number },
    signal: AbortSignal,
  ): Promise<ExitStatus & { output: string; timedOut: boolean }>;
}

/** The block devices behind blkback's disks. */
export interface Blocks {
  /**
   * Gives a backend (its directory) the block device that it waits for, a loop device for a file. Errors: `hotplug-busy`
   * names who has it already, `hotplug-error` what is wrong with the target, `lock-timeout`.
   */
  connect(backend: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<void>;
  /** Takes back what `connect`, or Xen's own script, gave it; nothing to take back is fine. */
  release(backend: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<void>;
}

export interface Files {
  write(path: string, content: string, mode: number): Promise<void>;
  mkdir(path: string, mode: number): Promise<void>;
  /** Removes a file; a missing one is fine. */
  remove(path: string): Promise<void>;
  /** The last lines of a text file, bounded; empty where there is none. */
  tail(path: string, lines: number): Promise<string[]>;
  /** Takes a lock file; the function gives it back. A lock whose holder is dead is taken over. */
  lock(path: string, options: { timeoutMs: number; signal: AbortSignal }): Promise<() => Promise<void>>;
  /** Adds a line (or several, joined by newlines) to a file and has it on disk when done. */
  append(path: string, line: string): Promise<void>;
  /** A text file as a whole, or null where there is none. For files of our own: no bound. */
  read(path: string): Promise<string | null>;
  /** Names in a directory; empty where there is none. */
  list(directory: string): Promise<string[]>;
}

/** QEMU's monitors. */
export interface Monitors {
  /** Sends commands in order over one connection; the answers' `return` values. An error object becomes an XlError. */
  execute(
    socket: string,
    commands: readonly { execute: string; arguments?: unknown }[],
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<unknown[]>;
}

export interface Clock {
  /** Seconds since 1970, as xenstore's `start_time` wants them. */
  now(): number;
  /** Milliseconds from an arbitrary start, never going back: for durations. */
  monotonic(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}
