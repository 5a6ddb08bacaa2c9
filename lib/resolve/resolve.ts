import { errorFrom, type Diagnostic } from '../base/error.ts';
import type { HostFacts } from '../base/facts.ts';
import type { DomainConfig } from '../config/domain.ts';
import { resolveDeviceModel } from './device-model.ts';
import { resolveDisks } from './disks.ts';
import { checkBootFiles, resolveBoot } from './boot.ts';
import { place } from './found.ts';
import { CREATE_FAILED } from './backend-domain.ts';
import { resolveKeyboards, resolveVfbs } from './screens.ts';
import { resolveMemory, resolveVcpus } from './size.ts';
import { resolveVifs } from './vifs.ts';
import type { Choices, Resolved } from './resolved.ts';

/** libxl's default for `max_event_channels`. */
const EVENT_CHANNELS = 1023;

/**
 * Makes every choice that the configuration leaves open, from the facts alone. Whatever can be known before anything
 * is created is found here: all errors together, as one XlError with exit status 3.
 */
export function resolve(config: DomainConfig, facts: HostFacts, choices: Choices): Resolved {
  const uuid = config.keys.uuid ?? choices.uuid;
  const disks = resolveDisks(config, facts);
  const vifs = resolveVifs(config, facts, choices);
  const memory = resolveMemory(config, facts);
  const boot = resolveBoot(config, facts);
  const vfbs = resolveVfbs(config);
  const model = resolveDeviceModel(config, facts, {
    disks: disks.value,
    vifs: vifs.value,
    vfbs,
    memory: memory.value,
    boot,
  });
  const diagnostics = [
    ...checkIdentity(config, facts, uuid),
    ...memory.diagnostics,
    ...checkBootFiles(boot, config, facts),
    ...disks.diagnostics,
    ...vifs.diagnostics,
    ...model.diagnostics,
  ];
  if (diagnostics.some(({ severity }) => severity === 'error'))
    throw errorFrom(diagnostics, { exitCode: CREATE_FAILED });
  return {
    config,
    facts,
    name: config.name,
    uuid,
    type: config.type,
    memory: memory.value,
    vcpus: resolveVcpus(config),
    maxEvtchnPort: config.keys.max_event_channels ?? EVENT_CHANNELS,
    driverDomain: config.keys.driver_domain ?? false,
    ...boot,
    disks: disks.value,
    vifs: vifs.value,
    vfbs,
    keyboards: resolveKeyboards(config, vfbs),
    deviceModel: model.value,
    diagnostics,
  };
}

/** libxl notices a taken name only after it has made the domain; a taken uuid it never notices. */
function checkIdentity(config: DomainConfig, facts: HostFacts, uuid: string): Diagnostic[] {
  const sameName = facts.domains.find(({ name }) => name === config.name);
  const sameUuid = facts.domains.find((domain) => domain.uuid === uuid);
  return [
    ...(sameName === undefined
      ? []
      : [
          {
            severity: 'error',
            code: 'domain-name-taken',
            message: `Domain with name "${config.name}" already exists.`,
            ...place(config, 'name'),
            hint: `it is domain ${sameName.domid}; choose another name, or \`xl destroy ${config.name}\` first`,
          } as const,
        ]),
    ...(sameUuid === undefined
      ? []
      : [
          {
            severity: 'error',
            code: 'domain-uuid-taken',
            message: `domain ${sameUuid.domid} (${sameUuid.name ?? 'unnamed'}) has the uuid ${uuid} already`,
            ...place(config, 'uuid'),
            hint: 'remove uuid= from the configuration to get a new one',
          } as const,
        ]),
  ];
}
