import { build } from 'esbuild';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { t, hole } from '../../../lib/base/text.ts';
import { kib } from '../../../lib/base/units.ts';
import { consoleNodes } from '../../../lib/device/console.ts';
import { domainSkeleton, removeDomain } from '../../../lib/device/domain.ts';
import { consoleSocket, deviceModelLog, qmpSocket } from '../../../lib/device/files.ts';
import { addDevice } from '../../../lib/device/nodes.ts';
import type { Vbd } from '../../../lib/device/vbd.ts';
import { vdevToDevid } from '../../../lib/disk/vdev.ts';
import { embeddedPorts } from '../../../lib/host/embedded/ports.ts';
import { connectHost, connectRunning, stopHost, type HostConnection } from '../../../lib/host/embedded/start.ts';
import { consoleClientSocket, embeddedDirs, stateDir, type StateDir } from '../../../lib/host/embedded/state-dir.ts';
import { readRunningDomain } from '../../../lib/host/inventory.ts';
import { attachSteps, planAttach } from '../../../lib/plan/attach.ts';
import { planDestroy } from '../../../lib/plan/destroy.ts';
import { planDetach } from '../../../lib/plan/detach.ts';
import type { Plan, Step } from '../../../lib/plan/step.ts';
import { deviceModelArgv } from '../../../lib/qemu/argv.ts';
import type { HvmDeviceModel, MachineDisk } from '../../../lib/qemu/device-model.ts';
import { runPlan } from '../../../lib/run/executor.ts';
import { guest } from './guest.ts';

const facts = { host: 'embedded' } as const;
const D = hole('domid');

/** A state directory of its own, the daemon's program, and everything that is to go at the end. */
export class TestHost {
  readonly dir: StateDir;
  readonly daemon: readonly string[];
  readonly #connections: HostConnection[] = [];

  private constructor(root: string) {
    this.dir = stateDir(join(root, 'state'));
    this.daemon = [process.execPath, join(root, 'daemon.mjs')];
  }

  static async make(): Promise<TestHost> {
    const root = await mkdtemp(join(tmpdir(), 'xl-ts-embedded-'));
    const host = new TestHost(root);
    await build({
      entryPoints: [join(import.meta.dirname, 'daemon-entry.ts')],
      outfile: host.daemon[1]!,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    });
    return host;
  }

  /** Connects as a command does, starting the daemon where none runs. */
  async connect(): Promise<HostConnection> {
    const connection = await connectHost({
      dir: this.dir,
      uid: process.getuid?.() ?? 0,
      daemon: this.daemon,
      signal: AbortSignal.timeout(30_000),
    });
    this.#connections.push(connection);
    return connection;
  }

  async remove(): Promise<void> {
    const running = await connectRunning(this.dir, AbortSignal.timeout(10_000));
    if (running !== null) await stopHost(running);
    for (const each of [...this.#connections, running]) each?.close();
    // A daemon that lost the race to start may still be taking its own files away.
    await rm(join(this.dir.root, '..'), { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A disk as a plan has it, with what the tests do not care about filled in. */
export function disk(vdev: string, target: string, more: Partial<Vbd> = {}): Vbd {
  return {
    domid: D,
    backendDomid: '0',
    devid: vdevToDevid(vdev),
    vdev,
    backend: 'phy',
    target,
    makesTarget: false,
    format: 'raw',
    script: null,
    scriptNamed: false,
    writable: true,
    removable: false,
    cdrom: false,
    directIoSafe: false,
    discard: true,
    specification: 'xen',
    trusted: true,
    protocol: null,
    colo: null,
    ...more,
  };
}

export interface TestDomain {
  readonly name: string;
  readonly type: 'pvh' | 'hvm';
  readonly uuid: string;
  readonly disks: readonly Vbd[];
  /** What an HVM machine emulates. */
  readonly emulated?: readonly MachineDisk[];
  readonly cmdline: string;
  readonly extraArgs?: readonly string[];
}

/** The steps of a domain's making that concern the embedded host, as lib/plan/create.ts has them. */
export function planMachine(domain: TestDomain, dir: StateDir): Plan {
  const { name, type, uuid } = domain;
  const dirs = embeddedDirs(dir);
  const model = t`/local/domain/0/device-model/${D}`;
  const step = (id: string, needs: readonly string[], rest: Pick<Step, 'action'> & Partial<Step>): Step => ({
    id,
    title: id,
    why: 'a test needs it',
    needs,
    undo: [],
    ...rest,
  });
  const console = consoleNodes({ domid: D, backendDomid: '0', port: '2', gfn: '1' });
  const { argv, env } = deviceModelArgv(machineOptions(domain, dir));
  return {
    title: `create ${name}`,
    bindings: {},
    steps: [
      step('create', [], {
        action: {
          kind: 'hypercall',
          call: {
            op: 'createdomain',
            type,
            uuid,
            name,
            maxVcpus: 1,
            maxEvtchnPort: 1023,
            flags: [],
            emulationFlags: 'none',
          },
        },
        binds: { domid: 'domid' },
        undo: [{ kind: 'hypercall', call: { op: 'destroydomain', domid: D } }],
      }),
      step('skeleton', ['create'], {
        action: {
          kind: 'store',
          transaction: true,
          ops: [
            ...domainSkeleton({ domid: D, uuid, name, type, driverDomain: false }),
            { op: 'mkdir', path: model },
            ...addDevice(console),
          ],
        },
        undo: [{ kind: 'store', transaction: true, ops: removeDomain({ domid: D, uuid }) }],
      }),
      ...domain.disks.flatMap((vbd) =>
        attachSteps(vbd, {
          facts: { ...facts, dirs },
          domain: name,
          after: ['skeleton'],
          served: ['model'],
          hotplug: false,
        }),
      ),
      step('model', ['skeleton', ...domain.disks.map(({ vdev }) => `${vdev}-nodes`)], {
        action: {
          kind: 'spawn',
          argv,
          env,
          log: deviceModelLog(dirs, name),
          pidPath: t`/local/domain/${D}/image/device-model-pid`,
          domid: D,
          ready: { path: t`${model}/state`, value: 'running', timeoutMs: 30_000 },
        },
        binds: { pid: 'pid' },
        undo: [
          {
            kind: 'kill',
            pid: { path: t`/local/domain/${D}/image/device-model-pid` },
            signal: 'SIGHUP',
            graceMs: 2_000,
            domid: D,
          },
        ],
      }),
      step('unpause', ['model', ...domain.disks.map(({ vdev }) => `${vdev}-backend`)], {
        action: { kind: 'hypercall', call: { op: 'unpausedomain', domid: D } },
      }),
    ],
  };
}

function machineOptions({ name, type, cmdline, emulated = [], extraArgs = [] }: TestDomain, dir: StateDir) {
  const dirs = embeddedDirs(dir);
  const console = consoleSocket(dirs, D);
  return {
    kind: 'hvm',
    binary: '/usr/bin/qemu-system-x86_64',
    qemuVersion: null,
    domid: D,
    name,
    maxMemory: kib(128 * 1024),
    channels: [],
    display: { vnc: null, sdl: null, nographic: false },
    keymap: null,
    extraArgs,
    extraKindArgs: [],
    target: {
      kind: 'embedded',
      accel: 'tcg',
      cpu: null,
      qmpSocket: qmpSocket(dirs, D),
      pvConsole: type === 'hvm' ? null : console,
      onReboot: 'exit',
    },
    videoMemory: kib(0),
    vcpus: { online: 1, max: 1 },
    directBoot: { kernel: guest.kernel, ramdisk: guest.ramdisk, cmdline },
    boot: 'c',
    vga: 'none',
    spice: null,
    serial: type === 'hvm' ? [{ kind: 'socket', path: console }] : [],
    usb: { kind: 'none' },
    soundhw: null,
    acpi: true,
    nics: [],
    hdtype: 'ide',
    disks: emulated,
    xenPlatformPci: false,
    maxRamBelow4g: null,
    igdPassthrough: false,
    vendorDevice: 'none',
  } as const satisfies HvmDeviceModel;
}

const QUICK = 'quiet cryptomgr.notests noreplace-smp rcupdate.rcu_expedited=1';
export const PVH_CMDLINE = `console=hvc0 guest.type=pvh ${QUICK}`;
export const HVM_CMDLINE = `console=ttyS0 ${QUICK}`;

/** Runs a plan through the control socket, as a command does. */
export const run = (host: HostConnection, plan: Plan) => runPlan(plan, embeddedPorts(host));

/** Makes a domain and says which number it got. */
export async function create(host: HostConnection, domain: TestDomain): Promise<number> {
  const { bindings } = await run(host, planMachine(domain, host.dir));
  return Number(bindings.domid);
}

export async function attach(host: HostConnection, domid: number, vbd: Vbd): Promise<void> {
  await run(
    host,
    planAttach(
      { domid, name: null, uuid: null, devices: [] },
      { vbd: { ...vbd, domid: String(domid) }, kept: {} },
      { ...facts, dirs: embeddedDirs(host.dir) },
    ),
  );
}

export async function detach(host: HostConnection, domid: number, vdev: string, force = false): Promise<void> {
  const domain = await running(host, domid);
  const device = domain.devices.find(({ keys }) => keys.dev === vdev)!;
  await run(host, planDetach(domain, device, { ...facts, dirs: embeddedDirs(host.dir) }, { force }));
}

export async function destroy(host: HostConnection, domid: number): Promise<void> {
  await run(host, planDestroy(await running(host, domid), { ...facts, dirs: embeddedDirs(host.dir) }));
}

async function running(host: HostConnection, domid: number) {
  const domain = await readRunningDomain(embeddedPorts(host).store, domid);
  if (domain === null) throw new Error(`there is no domain ${domid} in the store`);
  return domain;
}

/** A domain's console, as a person sees it. */
export class Screen {
  text = '';
  ended = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => (this.text += bytes.toString('latin1')));
    socket.on('error', () => socket.destroy());
    socket.on('close', () => (this.ended = true));
  }

  static async open(dir: StateDir, domid: number): Promise<Screen> {
    const socket = createConnection(consoleClientSocket(dir, domid));
    const screen = new Screen(socket);
    await once(socket, 'connect');
    return screen;
  }

  type(text: string): void {
    this.#socket.write(text);
  }

  /** Waits for words; the error shows all that was seen. */
  async see(words: string, timeoutMs = 60_000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.text.includes(words)) {
      if (performance.now() > deadline || this.ended) {
        throw new Error(`the console never said ${JSON.stringify(words)}; it said\n${this.text}`);
      }
      await sleep(20);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Waits until something is so. */
export async function until(what: string, isSo: () => Promise<boolean>, timeoutMs = 30_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it never came that ${what}`);
    await sleep(20);
  }
}

/** Whether a process still runs. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat !== '' && !/\) [ZX] /.test(stat);
}
