import { XlError, type Where } from '../base/error.ts';
import { readDisk } from '../disk/parse.ts';
import type { ConfiguredDevices, ConfiguredDisk, ConfiguredVfb, ConfiguredVif, Placed } from './domain.ts';
import type { WordReading } from './options.ts';
import type { ParsedConfig } from './parse.ts';
import type { Dialect } from './syntax.ts';
import { inWord, itemPlace, wordsOf, type Finding, type Word } from './reading.ts';
import { readChannel } from './devices/channel.ts';
import { readP9, readPvcalls, readVtpm } from './devices/backend-only.ts';
import { readPci } from './devices/pci.ts';
import { readUsbController, readUsbDevice } from './devices/usb.ts';
import { readVdispl } from './devices/vdispl.ts';
import { readVirtio } from './devices/virtio.ts';
import { readVkb } from './devices/vkb.ts';
import { readVsnd, type Vsnd } from './devices/vsnd.ts';
import { readVfbWord } from './vfb.ts';
import { readVifWord } from './vif.ts';

/** Devices and what there is to say about how they were written. */
export interface Devices<T> {
  readonly devices: readonly T[];
  readonly findings: readonly Finding[];
}

/** The words of a list key; a key of another kind is the values' to complain about. */
function words(parsed: ParsedConfig, name: string): Word[] {
  const setting = parsed.settings[name];
  return setting !== undefined && 'list' in setting ? wordsOf(parsed, setting) : [];
}

export function decodeDisks(parsed: ParsedConfig): Devices<ConfiguredDisk> {
  const devices: ConfiguredDisk[] = [];
  const findings: Finding[] = [];
  for (const { text: spec, where } of words(parsed, 'disk')) {
    try {
      const { disk, warnings } = readDisk([spec], { dialect: parsed.dialect, source: parsed.source.name, where });
      devices.push({ disk, spec, where });
      findings.push(...warnings);
    } catch (error) {
      if (!(error instanceof XlError)) throw error;
      const source = `${parsed.source.name}: config parsing error in disk specification`;
      for (const diagnostic of error.diagnostics.length > 0 ? error.diagnostics : [problemOf(error, where)]) {
        const isError = diagnostic.severity === 'error';
        findings.push(isError ? { ...diagnostic, xl: `${source}: ${diagnostic.message} in \`${spec}'` } : diagnostic);
      }
    }
  }
  return { devices, findings };
}

const problemOf = ({ code, message, where, hint }: XlError, place: Where): Finding => ({
  severity: 'error',
  code,
  message,
  where: where ?? place,
  ...(hint === undefined ? {} : { hint }),
});

export function decodeVifs(parsed: ParsedConfig): Devices<ConfiguredVif> {
  const { dialect, source } = parsed;
  const read = words(parsed, 'vif').map((word, index) => {
    const { where } = word;
    const { vif, findings } = readVifWord(word.text, index, { dialect, source: source.name });
    const unable: Finding[] = vif.forwarddev === null ? [] : [coloNotYet(where)];
    return { device: { vif, where }, findings: [...findings.map((finding) => inWord(word, finding)), ...unable] };
  });
  return { devices: read.map(({ device }) => device), findings: read.flatMap(({ findings }) => findings) };
}

const coloNotYet = (where: Where): Finding => ({
  severity: 'error',
  code: 'vif-not-yet',
  message: '`forwarddev` is not supported yet',
  where,
  hint: 'without it packets of a COLO guest go another way',
});

export function decodeVfbs(parsed: ParsedConfig): Devices<ConfiguredVfb> {
  const read = words(parsed, 'vfb').map((word) => ({ ...readVfbWord(word.text), word }));
  return {
    devices: read.map(({ vfb, word: { where } }) => ({ vfb, where })),
    findings: read.flatMap(({ findings, word }) => findings.map((finding) => inWord(word, finding))),
  };
}

/** Every other list of devices. */
export function decodeDevices(parsed: ParsedConfig): { devices: ConfiguredDevices; findings: readonly Finding[] } {
  const findings: Finding[] = [];
  const { dialect } = parsed;
  function list<T>(name: string, read: (word: string, dialect: Dialect) => WordReading<T>): readonly Placed<T>[] {
    return words(parsed, name).map((word) => {
      const { value, findings: said } = read(word.text, dialect);
      findings.push(...said.map((finding) => inWord(word, finding)));
      return { value, where: word.where };
    });
  }
  const devices: ConfiguredDevices = {
    channels: list('channel', readChannel),
    p9s: list('p9', readP9),
    pcis: list('pci', readPci),
    pvcallsifs: list('pvcalls', readPvcalls),
    usbControllers: list('usbctrl', readUsbController),
    usbDevices: list('usbdev', readUsbDevice),
    vdispls: list('vdispl', readVdispl),
    virtios: list('virtio', readVirtio),
    vkbs: list('vkb', readVkb),
    vsnds: decodeVsnds(parsed, (finding) => findings.push(finding)),
    vtpms: list('vtpm', readVtpm),
  };
  return { devices, findings };
}

function decodeVsnds(parsed: ParsedConfig, tell: (finding: Finding) => void): readonly Placed<Vsnd>[] {
  const setting = parsed.settings.vsnd;
  if (setting === undefined || !('list' in setting)) return [];
  return setting.list.map((item, index) => {
    const where = itemPlace(parsed, setting, index);
    // What is no list of strings the key's own check tells of.
    const strings = Array.isArray(item) ? item.filter((word) => typeof word === 'string') : [];
    const { value, findings } = readVsnd(strings, parsed.dialect);
    for (const finding of findings) tell(inWord({ where, exact: false }, finding));
    return { value, where };
  });
}
