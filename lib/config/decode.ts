import { errorFrom, type Diagnostic } from '../base/error.ts';
import { decodeDevices, decodeDisks, decodeVfbs, decodeVifs } from './devices.ts';
import type { DomainConfig } from './domain.ts';
import type { DomainType, KeyValues } from './keys.ts';
import { decodeMachine } from './machine.ts';
import type { ParsedConfig } from './parse.ts';
import {
  builderAndType,
  commandLine,
  graphics,
  machineBoot,
  paravirtualBoot,
  screens,
  sizes,
} from './passes/conflicts.ts';
import { domainName, domainUuid } from './passes/identity.ts';
import { spice, usbControllers } from './passes/peripherals.ts';
import { agedKeys, foreignKeys, unknownKeys, unsupportedKeys } from './passes/known.ts';
import { knownKeys, valuePlace, type Finding, type Pass } from './reading.ts';
import { COMMAND_LINE } from './source.ts';
import type { Dialect } from './syntax.ts';
import { decodeValues } from './values.ts';

export interface DecodeOptions {
  /** The file's name; as it was parsed unless said. */
  readonly source?: string;
  /** As it was parsed unless said. */
  readonly dialect?: Dialect;
  /** Warnings are errors. */
  readonly strict?: boolean;
  /** Keys that we cannot act on yet are refused, as the guest would be another; `read` only reads them. */
  readonly unsupported?: 'refuse' | 'read';
}

export interface Decoded {
  readonly config: DomainConfig;
  /** Warnings and notes by their place, the parser's among them; errors are thrown. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Checks of the configuration as a whole, in the order in which xl has its own. */
const passes: readonly Pass[] = [
  domainName,
  builderAndType,
  domainUuid,
  sizes,
  commandLine,
  paravirtualBoot,
  machineBoot,
  graphics,
  screens,
  spice,
  usbControllers,
  unknownKeys,
  agedKeys,
  foreignKeys,
];

/**
 * What a parsed configuration means. Throws one XlError with all that is wrong, by its place; its `messages` are the
 * lines that xl itself would print, where it has one.
 */
export function decodeDomain(asParsed: ParsedConfig, options: DecodeOptions = {}): Decoded {
  const parsed = withOptions(asParsed, options);
  const values = decodeValues(parsed);
  const { keys, findings: fixes } = withoutHvmloader(values.keys, parsed);
  const type = domainType(keys);
  const disks = decodeDisks(parsed);
  const vifs = decodeVifs(parsed);
  const vfbs = decodeVfbs(parsed);
  const { devices, findings: deviceFindings } = decodeDevices(parsed);
  const { machine, findings: machineFindings } = decodeMachine(parsed);
  const reading = { parsed, keys, type };

  const findings = [
    ...parsed.warnings,
    ...values.findings,
    ...fixes,
    ...passes.flatMap((pass) => pass(reading)),
    ...(options.unsupported === 'read' ? [] : unsupportedKeys(reading)),
    ...disks.findings,
    ...vifs.findings,
    ...vfbs.findings,
    ...deviceFindings,
    ...machineFindings,
  ].map((finding): Finding => (options.strict === true ? strictly(finding) : finding));
  const diagnostics = findings.map(withoutXl).toSorted(byPlace);

  if (keys.name === null || findings.some(({ severity }) => severity === 'error')) {
    const messages = linesOfXl(findings);
    const exitCode = findings.find(isEndOfXl)?.xlExit;
    throw errorFrom(diagnostics, { exitCode, ...(messages.length === 0 ? {} : { messages }) });
  }
  const config: DomainConfig = {
    source: parsed.source.name,
    dialect: parsed.dialect,
    name: keys.name,
    type,
    keys: { ...keys, uuid: keys.uuid?.toLowerCase() ?? null },
    singles: knownKeys(parsed).filter((name) => 'string' in parsed.settings[name]!),
    disks: disks.devices,
    vifs: vifs.devices,
    vfbs: vfbs.devices,
    devices,
    machine,
    places: Object.fromEntries(knownKeys(parsed).map((name) => [name, valuePlace(parsed, name).where])),
  };
  return { config, diagnostics };
}

function withOptions(parsed: ParsedConfig, { source, dialect }: DecodeOptions): ParsedConfig {
  const named = source === undefined ? parsed.source : { ...parsed.source, name: source };
  return { ...parsed, source: named, dialect: dialect ?? parsed.dialect };
}

/** As xl on x86: `type`, else what `builder` says, else PV. */
function domainType({ type, builder }: KeyValues): DomainType {
  return type ?? (builder === 'hvm' ? 'hvm' : 'pv');
}

/** In xm's days an HVM guest had its firmware for a kernel. */
function withoutHvmloader(keys: KeyValues, parsed: ParsedConfig): { keys: KeyValues; findings: readonly Finding[] } {
  const { kernel } = keys;
  if (domainType(keys) !== 'hvm' || kernel?.split('/').at(-1) !== 'hvmloader') return { keys, findings: [] };
  const finding: Finding = {
    severity: 'warning',
    code: 'kernel-hvmloader',
    message: 'a `kernel` that is hvmloader has no effect',
    ...valuePlace(parsed, 'kernel'),
    hint: 'leave it out: an HVM guest has its firmware anyway',
    xl:
      'WARNING: you seem to be using "kernel" directive to override HVM guest firmware. Ignore that. ' +
      'Use "firmware_override" instead if you really want a non-default firmware',
  };
  return { keys: { ...keys, kernel: null }, findings: [finding] };
}

const strictly = (finding: Finding): Finding =>
  finding.severity === 'warning' ? { ...finding, severity: 'error' } : finding;

/** What xl would print: it ends at the first thing that it refuses. */
function linesOfXl(findings: readonly Finding[]): string[] {
  const told = findings.filter(({ xl }) => xl !== undefined);
  const last = told.findIndex(isEndOfXl);
  return (last < 0 ? told : told.slice(0, last + 1)).map(({ xl }) => xl ?? '');
}

const isEndOfXl = ({ severity, xl, xlGoesOn }: Finding): boolean =>
  severity === 'error' && xl !== undefined && xlGoesOn !== true;

function withoutXl(finding: Finding): Diagnostic {
  const diagnostic = { ...finding };
  delete diagnostic.xl;
  delete diagnostic.xlGoesOn;
  delete diagnostic.xlExit;
  return diagnostic;
}

/** By line and column; the command line comes behind the file, as it does in the text. */
function byPlace(one: Diagnostic, other: Diagnostic): number {
  const rank = ({ where }: Diagnostic): readonly number[] => [
    where?.source === COMMAND_LINE ? 1 : 0,
    where?.line ?? 0,
    where?.column ?? 0,
  ];
  const [left, right] = [rank(one), rank(other)];
  const differing = left.findIndex((value, index) => value !== right[index]);
  return differing < 0 ? 0 : left[differing]! - right[differing]!;
}
