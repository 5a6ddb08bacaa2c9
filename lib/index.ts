/**
 * The library's one public entry. Everything here is stable within a major version; what is not exported here may
 * change at any time. The road through it: `parseConfig` and `decodeDomain` read, `resolve` chooses, `planCreate` and
 * its siblings plan, `runPlan` acts through `Ports`.
 */

// What everything speaks: errors, texts with holes, facts.
export { XlError, errorFrom, type Diagnostic, type Evidence, type Where, type XlErrorOptions } from './base/error.ts';
export type { DomainFacts, HostDirs, HostFacts, ImageFacts, PathFacts, QemuFacts, ToolFacts } from './base/facts.ts';
export { shellLine, shellLines, shellQuote } from './base/shell.ts';
export { fill, hole, holesOf, show, t, type Bindings, type Template, type Text } from './base/text.ts';

// Configurations.
export { type ConfiguredDisk, type ConfiguredVif, type DomainConfig } from './config/domain.ts';
export { decodeDomain, type Decoded, type DecodeOptions } from './config/decode.ts';
export { keyTable, type KeyRow, type KeyValues } from './config/keys.ts';
export { parseConfig, type ListItem, type ParsedConfig, type ParseOptions, type Setting } from './config/parse.ts';

// Disks.
export { decideBackend } from './disk/backend.ts';
export { imageFacts } from './disk/chain.ts';
export type { Alternative, BackendDecision, DecisionContext, DeviceClass } from './disk/decision.ts';
export type { Disk, DiskBackend, DiskFormat } from './disk/disk.ts';
export { parseDiskSpecs, readDisk, type Dialect, type DiskReading } from './disk/parse.ts';
export { printDisk } from './disk/print.ts';
export { probeImage, type Probe, type ProbeInput } from './disk/probe.ts';
export { describeVdev, devidToVdev, vdevToDevid, type VdevInfo } from './disk/vdev.ts';

// Facts about a host: read, assumed, or from a file.
export { assumedFacts, gatherFacts, parseAssumptions, readFacts } from './host/facts.ts';

// Choices and plans.
export { pathsOf } from './resolve/paths.ts';
export { resolve } from './resolve/resolve.ts';
export type { Choices, Resolved, ResolvedDisk } from './resolve/resolved.ts';
export { planAttach } from './plan/attach.ts';
export { planCreate, type CreateOptions } from './plan/create.ts';
export { planDestroy } from './plan/destroy.ts';
export { planDetach } from './plan/detach.ts';
export { planAttachVif, planDetachVif } from './plan/network.ts';
export { planRename } from './plan/rename.ts';
export { planAcpiEvent, planShutdown, type Ending } from './plan/shutdown.ts';
export type { Hypercall, HypercallResult } from './plan/hypercall.ts';
export type { RunningDevice, RunningDomain } from './plan/running.ts';
export type { Action, Plan, Step, StoreOp } from './plan/step.ts';

// Acting.
export type { RunEvent, StepTiming } from './run/events.ts';
export { runPlan, type RunOptions, type RunResult } from './run/executor.ts';
export type * from './run/ports.ts';
export { memoryHost, type MemoryHost } from './host/memory/host.ts';

// QEMU and xenstore.
export { deviceModelArgv, qemuArgv, type DeviceModelCommand } from './qemu/argv.ts';
export type { DeviceModel } from './qemu/device-model.ts';
export { QmpClient } from './qemu/qmp-client.ts';
export { XenstoreClient, type ConnectOptions, type Watch, type WatchEvent } from './xenstore/client.ts';
