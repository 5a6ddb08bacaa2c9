import { hole, t } from '../base/text.ts';
import { builtDomainNodes, domainSkeleton, libxlPath, removeDomain } from '../device/domain.ts';
import { attachSteps } from './attach.ts';
import { consoleSteps, waitForConsole } from './create-consoles.ts';
import { deviceModelSteps } from './create-device-model.ts';
import { givenFile, userdataFile, userdataLock } from '../device/files.ts';
import { keptText } from '../libxl-json/kept.ts';
import { USERDATA_LOCK_MS } from './keep.ts';
import { vifSteps } from './attach-vif.ts';
import type { Resolved } from '../resolve/resolved.ts';
import type { Plan, Step } from './step.ts';

export interface CreateOptions {
  /** Leave the domain paused. */
  readonly paused?: boolean;
  /** What to keep of the configuration for our own monitor and `gc`: the text of givenFile. */
  readonly given?: string;
}

const D = hole('domid');

/** Memory that Xen may give a domain beyond its target (LIBXL_MAXMEM_CONSTANT). */
export const MAXMEM_SLACK_KIB = 1024;

/** Makes a domain, in the order in which things happen to it (libxl_create.c:initiate_domain_create and what follows). */
export function planCreate(domain: Resolved, { paused = false, given }: CreateOptions = {}): Plan {
  const disks = domain.disks.map(({ vbd }) =>
    attachSteps(vbd, {
      facts: domain.facts,
      domain: domain.name,
      after: ['introduce'],
      served: servedBy(domain, vbd.backend),
      hotplug: false,
    }),
  );
  const vifs = domain.vifs.map((vif) =>
    vifSteps(vif, { facts: domain.facts, after: domain.deviceModel === null ? ['introduce'] : ['device-model'] }),
  );
  const steps = [
    createDomain(domain),
    ...(given === undefined ? [] : [keepGiven(domain, given)]),
    writeSkeleton(domain, given === undefined ? 'create' : 'given'),
    noteDeviceModelVersion(),
    setMaxVcpus(domain),
    setMaxMemory(domain),
    allocateChannel('xenstore'),
    allocateChannel('console'),
    buildMemory(domain),
    describeMachine(domain),
    introduce(),
    ...disks.flat(),
    ...consoleSteps(domain),
    ...deviceModelSteps(domain),
    ...vifs.flat(),
    waitForConsole(domain),
    keepConfiguration(domain),
  ];
  return {
    title: `create ${domain.name}`,
    bindings: {},
    steps: paused ? steps : [...steps, ...unpause(domain, steps)],
  };
}

/** What must run before a backend of this kind can answer: on the embedded host the machine, for qdisk the QEMU. */
function servedBy({ facts, deviceModel }: Resolved, backend: string): string[] {
  const inQemu = facts.host === 'embedded' || backend === 'qdisk';
  return inQemu && deviceModel !== null ? ['device-model'] : [];
}

function createDomain({ type, uuid, name, vcpus, maxEvtchnPort, config }: Resolved): Step {
  return {
    id: 'create',
    title: 'create the domain',
    why: 'an empty, paused domain; Xen gives it its number',
    needs: [],
    action: {
      kind: 'hypercall',
      call: {
        op: 'createdomain',
        type,
        uuid,
        name,
        maxVcpus: vcpus.max,
        maxEvtchnPort,
        flags: [
          ...(type === 'pv' ? [] : (['hvm'] as const)),
          ...(type !== 'pv' && config.keys.hap !== false ? (['hap'] as const) : []),
          ...(config.keys.nestedhvm === true ? (['nested_virt'] as const) : []),
        ],
        emulationFlags: type === 'hvm' ? 'all-but-vpci' : type === 'pvh' ? 'lapic' : 'none',
      },
    },
    binds: { domid: 'domid' },
    undo: [
      { kind: 'hypercall', call: { op: 'destroydomain', domid: D, uuid } },
      // Noted before there is a number: a run that is killed in between can be taken back, too.
      { kind: 'hypercall', call: { op: 'destroy_unbuilt', uuid } },
    ],
  };
}

function keepGiven({ facts, uuid }: Resolved, content: string): Step {
  const path = givenFile(facts.dirs, D, uuid);
  return {
    id: 'given',
    title: 'keep the configuration as it was given',
    why: 'the domain’s monitor makes it again from this; and the file says whose the domain is',
    needs: ['create'],
    action: { kind: 'file', op: 'write', path, content, mode: 0o600 },
    undo: [{ kind: 'file', op: 'remove', path }],
  };
}

function writeSkeleton({ uuid, name, type, driverDomain }: Resolved, after: string): Step {
  return {
    id: 'skeleton',
    title: 'write the domain into xenstore',
    why: 'its name and home; in one transaction, so that no two domains can take one name',
    needs: [after],
    action: {
      kind: 'store',
      transaction: true,
      ops: domainSkeleton({ domid: D, uuid, name, type, driverDomain }),
    },
    undo: [{ kind: 'store', transaction: true, ops: removeDomain({ domid: D, uuid }) }],
  };
}

function noteDeviceModelVersion(): Step {
  return {
    id: 'dm-version',
    title: 'note the kind of device model',
    why: 'stock xl reads it when it acts on this domain',
    needs: ['skeleton'],
    action: {
      kind: 'store',
      transaction: false,
      ops: [{ op: 'write', path: t`${libxlPath(D)}/dm-version`, value: 'qemu_xen' }],
    },
    undo: [],
  };
}

function setMaxVcpus({ vcpus }: Resolved): Step {
  return {
    id: 'vcpus',
    title: `allow ${vcpus.max} vcpu${vcpus.max === 1 ? '' : 's'}`,
    why:
      vcpus.online === vcpus.max
        ? 'vcpus= of the configuration'
        : `maxvcpus=; ${vcpus.online} of them are online at the start`,
    needs: ['create'],
    action: { kind: 'hypercall', call: { op: 'max_vcpus', domid: D, max: vcpus.max } },
    undo: [],
  };
}

function setMaxMemory({ memory }: Resolved): Step {
  return {
    id: 'memory',
    title: `allow ${memory.targetKiB + MAXMEM_SLACK_KIB} KiB of memory`,
    why: 'memory= of the configuration and 1 MiB that libxl adds for what Xen itself maps',
    needs: ['create'],
    action: { kind: 'hypercall', call: { op: 'max_mem', domid: D, maxKiB: memory.targetKiB + MAXMEM_SLACK_KIB } },
    undo: [],
  };
}

function allocateChannel(purpose: 'xenstore' | 'console'): Step {
  return {
    id: `${purpose}-channel`,
    title: `allocate the ${purpose} event channel`,
    why: `${purpose === 'xenstore' ? 'xenstored' : 'xenconsoled'} in domain 0 binds its end of it`,
    needs: ['create'],
    action: { kind: 'hypercall', call: { op: 'evtchn_alloc_unbound', domid: D, remoteDomid: 0, purpose } },
    binds: { [`${purpose}-port`]: 'port' },
    undo: [],
  };
}

function buildMemory(domain: Resolved): Step {
  const { memory, vcpus, type } = domain;
  return {
    id: 'build',
    ...buildWords(domain),
    needs: ['vcpus', 'memory', 'xenstore-channel', 'console-channel'],
    action: {
      kind: 'hypercall',
      call: {
        op: 'build',
        domid: D,
        type,
        targetKiB: memory.targetKiB,
        maxKiB: memory.maxKiB,
        videoKiB: memory.videoKiB,
        vcpus: vcpus.max,
        onlineVcpus: vcpus.online,
        pagingKiB: memory.pagingKiB,
        apic: domain.config.keys.apic ?? true,
        pae: domain.config.keys.pae ?? true,
        nested: domain.config.keys.nestedhvm ?? false,
        image: type === 'hvm' ? domain.firmware : domain.kernel,
        ramdisk: type === 'hvm' ? null : domain.ramdisk,
        cmdline: type === 'hvm' ? null : domain.cmdline,
        firmware: domain.bios,
        storePort: hole('xenstore-port'),
        consolePort: hole('console-port'),
      },
    },
    binds: { 'store-gfn': 'store-gfn', 'console-gfn': 'console-gfn' },
    undo: [],
  };
}

function buildWords({ facts, type, kernel, firmware }: Resolved): Pick<Step, 'title' | 'why'> {
  if (facts.host === 'embedded') {
    return {
      title: 'note what the machine boots',
      why: 'the embedded host needs no guest memory built: QEMU loads it',
    };
  }
  if (type === 'hvm') {
    return { title: `load ${firmware ?? 'hvmloader'}`, why: 'it prepares the emulated PC and starts its BIOS' };
  }
  return {
    title: `load ${kernel ?? 'the kernel'}`,
    why: 'kernel, ramdisk, command line and start info go into the guest’s memory',
  };
}

function describeMachine(domain: Resolved): Step {
  const { memory, vcpus, type, uuid, kernel, ramdisk, cmdline } = domain;
  // With populate-on-demand the balloon must stop 1 MiB early (libxl__get_targetmem_fudge).
  const fudge = type === 'hvm' && memory.maxKiB > memory.targetKiB ? 1024 : 0;
  const keys = domain.config.keys;
  return {
    id: 'describe',
    title: 'describe the machine in xenstore',
    why: 'the guest reads its memory target, its vcpus and its store ring here',
    needs: ['build', 'dm-version'],
    action: {
      kind: 'store',
      transaction: true,
      ops: builtDomainNodes({
        domid: D,
        uuid,
        type,
        maxKiB: memory.maxKiB,
        targetKiB: memory.targetKiB - memory.videoKiB - fudge,
        videoKiB: memory.videoKiB,
        onlineVcpus: vcpus.online,
        maxVcpus: vcpus.max,
        storePort: hole('xenstore-port'),
        storeGfn: hole('store-gfn'),
        startTime: hole('start_time'),
        kernel,
        ramdisk,
        cmdline,
        acpi: keys.acpi ?? true,
        acpiS3: true,
        acpiS4: true,
        acpiLaptopSlate: false,
        timeOffset: keys.rtc_timeoffset === null ? '' : String(keys.rtc_timeoffset),
      }),
    },
    undo: [],
  };
}

function introduce(): Step {
  return {
    id: 'introduce',
    title: 'introduce the domain to xenstored',
    why: 'from here on the guest can use its store ring; permissions for it count only from now',
    needs: ['describe'],
    action: {
      kind: 'store',
      transaction: false,
      ops: [{ op: 'introduce', domid: D, gfn: hole('store-gfn'), port: hole('xenstore-port') }],
    },
    // None: xenstored must know the domain when it is destroyed, or it tells nobody, and xenconsoled keeps a page of it.
    undo: [],
  };
}

function keepConfiguration(domain: Resolved): Step {
  const { dirs } = domain.facts;
  const path = userdataFile(dirs, D, domain.uuid);
  const lock = { path: userdataLock(dirs, D, domain.uuid), timeoutMs: USERDATA_LOCK_MS };
  return {
    id: 'configuration',
    title: 'keep the configuration',
    why: '`list -l`, save and reboot read it, stock xl too',
    needs: ['skeleton'],
    action: { kind: 'file', op: 'write', path, content: keptText(domain), mode: 0o600, lock },
    undo: [{ kind: 'file', op: 'remove', path, lock }],
  };
}

function unpause({ facts, type }: Resolved, steps: readonly Step[]): Step[] {
  const all = steps.map((step) => step.id);
  const resume: Step = {
    id: 'unpause',
    title: 'unpause the domain',
    why: 'everything it needs is there: it may run',
    needs: all,
    action: { kind: 'hypercall', call: { op: 'unpausedomain', domid: D } },
    undo: [],
  };
  if (facts.host === 'embedded' || type !== 'hvm') return [resume];
  return [
    {
      id: 'continue',
      title: 'let QEMU go on',
      why: 'the device model of an HVM guest starts stopped as well',
      needs: all,
      action: {
        kind: 'qmp',
        socket: t`${facts.dirs.run}/qmp-libxl-${D}`,
        commands: [{ execute: 'cont' }],
        timeoutMs: 60_000,
      },
      undo: [],
    },
    { ...resume, needs: ['continue'] },
  ];
}
