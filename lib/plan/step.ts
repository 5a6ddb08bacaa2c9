import type { Text } from '../base/text.ts';
import type { StoreOp } from '../base/store-op.ts';
import type { KeptChange } from '../libxl-json/change.ts';
import type { Hypercall } from './hypercall.ts';

export type { Refusal, StoreOp } from '../base/store-op.ts';

/**
 * A plan is what will happen, as data: printed by `--dry-run`, run by lib/run, kept in the journal. Steps run as soon
 * as what they need is done; on failure the undo of every finished step runs, last first.
 */
export interface Plan {
  /** What the plan does, `create web` or `attach xvdb to web`. */
  readonly title: string;
  readonly steps: readonly Step[];
  /** Values known before the run. */
  readonly bindings: Readonly<Record<string, string>>;
}

export interface Step {
  /** Unique in its plan, kebab-case with a device's name where there is one: `disk-xvda-wait`. */
  readonly id: string;
  /** What the step does, in a few words of the imperative: the line a sysadmin reads. */
  readonly title: string;
  /** Why it is there: the reason a sysadmin would ask for. */
  readonly why: string;
  /** Ids of the steps that must be done first. */
  readonly needs: readonly string[];
  readonly action: Action;
  /** Holes that the action's result fills: hole name to the result's field. */
  readonly binds?: Readonly<Record<string, string>>;
  /** Takes the step back, in this order. Each must succeed also where there is nothing left to take back. */
  readonly undo: readonly Action[];
}

export type Action =
  | HypercallAction
  | StoreAction
  | SpawnAction
  | KillAction
  | HotplugAction
  | BlockAction
  | QmpAction
  | WaitAction
  | FileAction
  | LockAction;

/** A request to the hypervisor; the result's fields are those of `HypercallResult`. */
export interface HypercallAction {
  readonly kind: 'hypercall';
  readonly call: Hypercall;
}

/** Changes to xenstore: one transaction, repeated whole on EAGAIN; `transaction: false` sends each on its own. */
export interface StoreAction {
  readonly kind: 'store';
  readonly transaction: boolean;
  readonly ops: readonly StoreOp[];
}

/** Starts a process that outlives us; result: `pid`. Its output goes to `log`, whose last lines are the evidence on failure. */
export interface SpawnAction {
  readonly kind: 'spawn';
  readonly argv: readonly Text[];
  readonly env: Readonly<Record<string, Text>>;
  readonly log: Text;
  /** The node that gets the pid as soon as there is one, before the wait: it is what `kill` finds the process by. */
  readonly pidPath: Text;
  /** The domain that the process serves. */
  readonly domid: Text;
  /** Ends the spawn: the store node that says the process is ready. An exit before that is a failure. */
  readonly ready: { readonly path: Text; readonly value: string; readonly timeoutMs: number };
}

/** Ends a process that a `spawn` started: by pid, or the pid written in a store node. A process that is gone is fine. */
export interface KillAction {
  readonly kind: 'kill';
  readonly pid: { readonly value: Text } | { readonly path: Text };
  readonly signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL';
  /** Wait so long for its end, then SIGKILL; 0 does not wait. */
  readonly graceMs: number;
  /** The domain that the process serves. */
  readonly domid: Text;
}

/** Runs a hotplug script of Xen's protocol to its end. */
export interface HotplugAction {
  readonly kind: 'hotplug';
  readonly argv: readonly Text[];
  readonly env: Readonly<Record<string, Text>>;
  readonly timeoutMs: number;
  /** Where the script leaves its words on failure (`hotplug-error`). */
  readonly errorPath: Text;
  /** On removal a script's failure is a warning (libxl ignores it). */
  readonly failure: 'error' | 'warning';
}

/**
 * What Xen's `block` script does, without the script: `connect` finds the device behind a phy backend's target, or takes a
 * loop device for a file, and tells blkback its number; `release` gives that loop device back. Xen's script, called for
 * the same backend by another toolstack, understands what this did, and the other way round.
 */
export interface BlockAction {
  readonly kind: 'block';
  readonly op: 'connect' | 'release';
  /** The backend's directory: its `params` and `mode` say what to connect, its `node` what to release. */
  readonly backend: Text;
  /** For people who read the plan: the target. */
  readonly target: Text;
  readonly timeoutMs: number;
  /** On removal what goes wrong is a warning, as with scripts. */
  readonly failure: 'error' | 'warning';
}

/** Commands on a QEMU's monitor, in order. */
export interface QmpAction {
  readonly kind: 'qmp';
  readonly socket: Text;
  readonly commands: readonly QmpCommand[];
  readonly timeoutMs: number;
}
export interface QmpCommand {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, Json>>;
  /** Holes that the answer fills. */
  readonly takes?: Readonly<Record<string, Take>>;
}

/** A field of a QMP answer; of the first element with `where`'s value where the answer is a list. */
export interface Take {
  readonly where?: { readonly field: string; readonly is: string };
  readonly field: string;
  /** Dropped from the front of the value; a value without it fills the hole with nothing. */
  readonly after?: string;
}
export type Json = null | boolean | number | Text | readonly Json[] | { readonly [key: string]: Json };

/** Waits for a store node; result: `value`. Every wait is bounded. */
export interface WaitAction {
  readonly kind: 'wait';
  readonly path: Text;
  /** `orGone`: a node that is not there (any more) ends the wait as well; else it is waited for. */
  readonly until: { readonly oneOf: readonly string[]; readonly orGone?: boolean } | 'non-empty' | 'gone';
  /** Values that end the wait as a failure at once. */
  readonly failOn: readonly string[];
  readonly timeoutMs: number;
  /** What the wait is for, as a noun phrase: `the backend of xvda`. */
  readonly subject: string;
  /** The device's directories, where it is the handshake of its two ends that is waited for: the error says how far each came. */
  readonly ends?: { readonly backend: Text; readonly frontend: Text };
  /** Nodes whose values go into the error. */
  readonly evidence: readonly Text[];
  /** The log of whoever is waited for: its last lines go into the error. */
  readonly log?: string;
  /** What a timeout is: an error, or accepted and said (`the guest does not answer`). */
  readonly timeout: 'error' | 'warning';
}

/** A lock that an action takes for itself and gives back at its end. */
export interface ActionLock {
  readonly path: Text;
  readonly timeoutMs: number;
}

export type FileAction =
  | {
      readonly kind: 'file';
      readonly op: 'write';
      readonly path: Text;
      readonly content: Text;
      readonly mode: number;
      readonly lock?: ActionLock;
    }
  | { readonly kind: 'file'; readonly op: 'mkdir'; readonly path: Text; readonly mode: number }
  /** Removes a file; a missing one is fine. */
  | { readonly kind: 'file'; readonly op: 'remove'; readonly path: Text; readonly lock?: ActionLock }
  /** Changes what is kept of a domain's configuration, as it is at that moment; where nothing is kept, nothing. */
  | {
      readonly kind: 'file';
      readonly op: 'change-kept';
      readonly path: Text;
      readonly lock: ActionLock;
      readonly change: KeptChange;
    };

/** Takes a lock file until the plan ends; waits for the holder within the bound. Released whatever happens. */
export interface LockAction {
  readonly kind: 'lock';
  readonly path: Text;
  readonly timeoutMs: number;
}
