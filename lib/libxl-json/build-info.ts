import { unreachable } from '../base/error.ts';
import { commandLine } from '../config/command-line.ts';
import type { DomainConfig } from '../config/domain.ts';
import type { Chosen } from './domain.ts';
import { hvmInfo } from './hvm-info.ts';
import { defbool, list, sparse, unlessZero, type JsonObject, type JsonValue } from './json.ts';

/** What the domain is built as (`libxl_domain_build_info`). */
export function buildInfo(config: DomainConfig, chosen: Chosen): JsonObject {
  const { keys, type } = config;
  const { creation } = chosen;
  return sparse({
    ...processors(config),
    tsc_mode: keys.tsc_mode === 'default' ? null : keys.tsc_mode,
    ...memory(config),
    video_memkb: creation?.videoKiB ?? kibOf(keys.videoram),
    shadow_memkb: kibOf(keys.shadow_memory),
    rtc_timeoffset: unlessZero(unsigned(keys.rtc_timeoffset)),
    exec_ssid_label: keys.init_seclabel === null ? null : keys.seclabel,
    localtime: defbool(keys.localtime),
    disable_migrate: defbool(keys.nomigrate),
    max_grant_frames: keys.max_grant_frames,
    max_maptrack_frames: keys.max_maptrack_frames,
    max_grant_version: keys.max_grant_version,
    ...deviceModel(config),
    sched_params: scheduling(config),
    claim_mode: 'True',
    event_channels: unlessZero(keys.max_event_channels),
    ...boot(config),
    acpi: defbool(keys.acpi),
    bootloader: keys.bootloader,
    bootloader_args: list(keys.bootloader_args),
    timer_mode: type === 'pv' ? null : keys.timer_mode,
    nested_hvm: defbool(keys.nestedhvm),
    apic: type === 'hvm' ? defbool(keys.apic) : null,
    dm_restrict: defbool(keys.dm_restrict),
    tee: keys.tee === 'none' ? null : keys.tee,
    [`type.${type}`]: guestInfo(config, chosen),
    arch_arm: sparse({
      gic_version: keys.gic_version === 'default' ? null : keys.gic_version,
      vuart: keys.vuart === 'unknown' ? null : keys.vuart,
    }),
    // Said outright in a domain's own, so that a restored one is no other.
    arch_x86: sparse({ msr_relaxed: defbool(keys.msr_relaxed ?? (creation === undefined ? null : false)) }),
    altp2m: keys.altp2m === 'disabled' ? null : keys.altp2m,
    vmtrace_buf_kb: unlessZero(keys.vmtrace_buf_kb),
    vpmu: defbool(keys.vpmu),
  });
}

type Fields = Readonly<Record<string, JsonValue | undefined>>;

/** A number of MiB as libxl keeps it, in KiB. */
export const kibOf = (mib: number | null): number | null => (mib === null ? null : mib * 1024);

/** libxl keeps seconds before UTC in an unsigned field. */
const unsigned = (value: number | null): number | null => (value === null ? null : value >>> 0);

/** `vcpus` alone says which run at the start; `maxvcpus` alone does not. */
function processors({ keys: { vcpus, maxvcpus } }: DomainConfig): Fields {
  return {
    max_vcpus: maxvcpus ?? vcpus,
    avail_vcpus: vcpus === null ? null : Array.from({ length: vcpus }, (_, cpu) => cpu),
  };
}

/** `maxmem` alone leaves the target open. */
function memory({ keys }: DomainConfig): Fields {
  return {
    max_memkb: kibOf(keys.maxmem ?? keys.memory),
    target_memkb: kibOf(keys.memory),
  };
}

function deviceModel({ keys }: DomainConfig): Fields {
  return {
    device_model_version: keys.device_model_version === null ? null : 'qemu_xen',
    device_model_stubdomain: defbool(keys.device_model_stubdomain_override),
    stubdomain_memkb: kibOf(keys.stubdomain_memory),
    stubdomain_kernel: keys.stubdomain_kernel,
    stubdomain_cmdline: keys.stubdomain_cmdline,
    stubdomain_ramdisk: keys.stubdomain_ramdisk,
    device_model: keys.device_model_override,
    device_model_ssid_label: keys.device_model_stubdomain_seclabel,
    device_model_user: keys.device_model_user,
    extra: list(keys.device_model_args),
    extra_pv: list(keys.device_model_args_pv),
    extra_hvm: list(keys.device_model_args_hvm),
  };
}

/** `libxl_domain_sched_params`: each is -1 until it is said. */
const scheduling = ({ keys }: DomainConfig): JsonObject =>
  sparse({
    weight: keys.cpu_weight,
    cap: keys.cap,
    period: keys.period,
    extratime: keys.extratime,
    slice: keys.slice,
    latency: keys.latency,
  });

function boot({ keys }: DomainConfig): Fields {
  return {
    kernel: keys.kernel,
    cmdline: commandLine(keys),
    ramdisk: keys.ramdisk,
    device_tree: keys.device_tree,
  };
}

function guestInfo(config: DomainConfig, chosen: Chosen): JsonObject {
  const { keys, type } = config;
  switch (type) {
    case 'pv':
      return sparse({ e820_host: defbool(keys.e820_host) });
    case 'pvh':
      return sparse({
        pvshim: defbool(keys.pvshim),
        pvshim_path: keys.pvshim_path,
        pvshim_cmdline: keys.pvshim_cmdline,
        pvshim_extra: keys.pvshim_extra,
      });
    case 'hvm':
      return hvmInfo(config, chosen);
    default:
      return unreachable(type);
  }
}
