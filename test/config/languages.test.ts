import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { XlError } from '../../lib/base/error.ts';
import { selectCpus } from '../../lib/config/cpus.ts';
import { decodeDomain, type DomainConfig } from '../../lib/config/domain.ts';
import { parseConfig } from '../../lib/config/parse.ts';
import { ENLIGHTENMENTS } from '../../lib/config/viridian.ts';

/** What `xl -N create` of 4.17.7 made of a line: libxl's JSON of it, or its exit status and its words. */
interface Case {
  readonly key: string;
  readonly text: string;
  readonly ok?: unknown;
  readonly rc?: number;
  readonly said?: readonly string[];
}

const cases = readFileSync(join(import.meta.dirname, '../fixtures/config/languages.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

const read = (text: string, dialect: 'xl' | 'extended'): DomainConfig =>
  decodeDomain(parseConfig(`name="t"\ntype="hvm"\n${text}\n`, { source: 't.cfg', dialect }), { unsupported: 'read' })
    .config;

function refusal(text: string, dialect: 'xl' | 'extended' = 'extended'): XlError {
  try {
    read(text, dialect);
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

/** Sixteen CPUs on eight nodes: the host on which the answers were given. */
const host = { cpus: 16, nodes: Array.from({ length: 8 }, (_, node) => [node * 2, node * 2 + 1]) };

type Fields = Readonly<Record<string, unknown>>;

/** libxl leaves out what has its initial value. */
const compact = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
const orNothing = (value: unknown): unknown => (value === 0 || value === false ? null : value);
const compactly = (fields: Fields): Fields =>
  compact(Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, orNothing(value)])));

const soundParams = (params: DomainConfig['devices']['vsnds'][number]['value']['params']): Fields =>
  compact({
    sample_rates: params.sampleRates,
    sample_formats: params.sampleFormats,
    channels_min: params.channelsMin,
    channels_max: params.channelsMax,
    buffer_size: params.bufferSize,
  });
const listOrNull = <T>(list: readonly T[]): readonly T[] | null => (list.length === 0 ? null : list);

const AS_LIBXL: Readonly<Record<string, (config: DomainConfig) => unknown>> = {
  usbctrl: ({ devices }) =>
    devices.usbControllers.map(({ value: { type, version, ports } }, devid) =>
      compact({ devid, type: type === 'auto' ? null : type, version, ports }),
    ),
  usbdev: ({ devices }) =>
    devices.usbDevices.map(({ value: { type, hostBus: hostbus, hostAddress: hostaddr, controller: ctrl, port } }) =>
      compact({ ctrl, port, 'type.hostdev': type === null ? null : compact({ hostbus, hostaddr }) }),
    ),
  channel: ({ devices }) =>
    devices.channels.map(({ value: { backendDomname, name, connection, path } }, devid) =>
      compact({
        backend_domname: backendDomname,
        devid,
        name,
        [`connection.${connection}`]: connection === 'pty' ? {} : { path },
      }),
    ),
  vtpm: ({ devices }) =>
    devices.vtpms.map(({ value: { backendDomname: backend_domname, uuid } }, devid) =>
      compact({ backend_domname, devid, uuid }),
    ),
  p9: ({ devices }) =>
    devices.p9s.map(({ value: { backendDomname: backend_domname, tag, path, securityModel: security_model } }) =>
      compact({ backend_domname, tag, path, security_model }),
    ),
  pvcalls: ({ devices }) =>
    devices.pvcallsifs.map(({ value: { backendDomname: backend_domname } }, devid) =>
      compact({ backend_domname, devid }),
    ),
  vkb: ({ devices }) =>
    devices.vkbs.map(({ value: vkb }, devid) => ({
      devid,
      ...compactly({
        backend_domname: vkb.backendDomname,
        backend_type: vkb.backendType,
        unique_id: vkb.uniqueId,
        feature_disable_keyboard: vkb.disableKeyboard,
        feature_disable_pointer: vkb.disablePointer,
        feature_abs_pointer: vkb.absolutePointer,
        feature_raw_pointer: vkb.rawPointer,
        feature_multi_touch: vkb.multiTouch,
        multi_touch_width: vkb.multiTouchWidth,
        multi_touch_height: vkb.multiTouchHeight,
        multi_touch_num_contacts: vkb.multiTouchContacts,
        width: vkb.width,
        height: vkb.height,
      }),
    })),
  vdispl: ({ devices }) =>
    devices.vdispls.map(({ value: { backendDomname: backend_domname, beAlloc: be_alloc, connectors } }, devid) =>
      compact({
        backend_domname,
        devid,
        be_alloc,
        connectors: connectors.map(({ uniqueId: unique_id, width, height }) => ({ unique_id, width, height })),
      }),
    ),
  vsnd: ({ devices }) =>
    devices.vsnds.map(({ value: card }, devid) =>
      compact({
        backend_domname: card.backendDomname,
        devid,
        short_name: card.shortName,
        long_name: card.longName,
        params: soundParams(card.params),
        pcms: listOrNull(
          card.pcms.map(({ name, params, streams }) =>
            compact({
              name,
              params: soundParams(params),
              streams: listOrNull(
                streams.map(({ uniqueId: unique_id, type, params: own }) =>
                  compact({ unique_id, type, params: soundParams(own) }),
                ),
              ),
            }),
          ),
        ),
      }),
    ),
  cpus: ({ machine: { hardAffinity } }) =>
    hardAffinity?.kind === 'every-vcpu' ? selectCpus(hardAffinity.cpus, host) : null,
  ioports: ({ machine }) => machine.ioports.map(({ value }) => value),
  irqs: ({ machine }) => machine.irqs.map(({ value }) => value),
  iomem: ({ machine }) =>
    machine.iomem.map(({ value: { start, number, gfn } }) => compact({ start, number: orNothing(number), gfn })),
  vnuma: ({ machine }) =>
    machine.vnuma.map(({ value: { pnode, size, vcpus, distances } }) =>
      compact({
        memkb: size * 1024,
        // Where nothing is said xl counts from zero.
        distances: machine.vnuma.map((_, node) => distances[node] ?? 0),
        pnode: orNothing(pnode),
        vcpus: listOrNull(vcpus),
      }),
    ),
  viridian: ({ machine: { viridian } }) => {
    const numbers = (names: readonly string[]): number[] | null =>
      listOrNull(names.map((name) => ENLIGHTENMENTS.findIndex((one) => one === name))) as number[] | null;
    if (viridian === null || viridian === false) return compact({ viridian: viridian === false ? 'False' : null });
    const { all, defaults, enable, disable } = viridian;
    return compact({
      viridian: defaults ? 'True' : null,
      enable: all ? Array.from({ length: 64 }, (_, bit) => bit) : numbers(enable),
      disable: numbers(disable),
    });
  },
  rdm: ({ machine: { rdm } }) => (rdm?.strategy === 'host' ? { strategy: 'host', policy: null } : {}),
  pci: ({ devices }) =>
    devices.pcis.map(({ value: { address, name, slot, permissive } }) =>
      compactly({
        name,
        bus: address?.bus,
        vdevfn: (slot ?? 0) << 3,
        vfunc_mask: address === null ? null : address.func === null ? 0xffff_ffff : 1,
        permissive,
      }),
    ),
};

describe('what has a language of its own is read as xl reads it', () => {
  test.each(cases.map((each) => [each.text, each] as const))('%j', (text, { key, ok, rc, said }) => {
    if (rc === undefined) {
      expect(AS_LIBXL[key]!(read(text, 'xl')) ?? null).toEqual(ok);
      return;
    }
    const { messages, exitCode } = refusal(text, 'xl');
    expect([messages, exitCode]).toEqual([said, rc]);
  });
});

describe('where xl passes over nonsense, or crashes, there is an error with a place', () => {
  test.each([
    ['usbctrl = [ "version=x" ]', 'usbctrl-version 3:14'],
    ['usbctrl = [ "tpye=pv" ]', 'usbctrl-option 3:14'],
    ['usbdev = [ "port=5" ]', 'usbdev-host 3:13'],
    ['channel = [ "name=a,connection=pty,zz=1" ]', 'channel-option 3:36'],
    ['vdispl = [ "connectors=a:1x2;b:x" ]', 'vdispl-connectors 3:30'],
    ['vdispl = [ "connectors=" ]', 'vdispl-connectors 3:13'],
    ['vkb = [ "backend-type=qemu,width=x" ]', 'vkb-width 3:28'],
    ['vsnd = [ [ "card, buffer-size=x" ] ]', 'vsnd-buffer-size 3:10'],
    ['vsnd = [ [ "stream, sample-rates=x" ] ]', 'vsnd-sample-rates 3:10'],
    ['ioports = [ "3ff-3f8" ]', 'ioports-range 3:14'],
    ['ioports = [ "10000" ]', 'ioports-range 3:14'],
    ['ioports = [ "3f8x" ]', 'ioports-range 3:17'],
    ['iomem = [ "fd600,0" ]', 'iomem-range 3:12'],
    ['cpus = "0,3-1"', 'cpus-range 3:11'],
    ['cpus = [ "0", "1,x" ]', 'cpus-range 3:18'],
    ['cpus = "0-99999999999,^1"', null],
    ['vnuma = [ [ "vcpus=3-1" ] ]', 'vnuma-vcpus 3:11'],
    ['vnuma = [ [ "pnod=0" ] ]', 'vnuma-word 3:11'],
    ['viridian = [ "base", "stimmer" ]', 'viridian-word 3:23'],
    ['rdm = "strategy=host,policy=strict"', null],
    ['rdm = "strategy=x"', 'rdm-strategy 3:8'],
    ['pci = [ "00:1g.0" ]', 'pci-address 3:10'],
  ])('%s', (text, problem) => {
    if (problem === null) {
      expect(read(text, 'extended').name).toBe('t');
      return;
    }
    const { code, where, hint } = refusal(text);
    expect(`${code} ${where?.line}:${where?.column}`).toBe(problem);
    expect(hint).toBeTruthy();
  });

  test('the policy of reserved memory counts, as the manual of xl has it', () => {
    expect(read('rdm = "strategy=host,policy=relaxed"', 'extended').machine.rdm).toEqual({
      strategy: 'host',
      policy: 'relaxed',
    });
  });

  test('devices of newer releases have their fields', () => {
    const { devices } = read('virtio = [ "type=virtio,device22,transport=mmio,grant_usage=1" ]', 'extended');
    expect(devices.virtios.map(({ value }) => value)).toEqual([
      { backendDomname: null, type: 'virtio,device22', transport: 'mmio', grantUsage: true },
    ]);
  });
});

const LANGUAGES = ['usbctrl', 'usbdev', 'channel', 'vtpm', 'p9', 'pvcalls', 'vkb', 'vdispl', 'virtio', 'pci', 'cpus'];

test('any word has a reading: a value, or an error with its place', () => {
  const pieces = fc.constantFrom(
    ...[
      ',',
      '=',
      ';',
      ':',
      '@',
      '-',
      '^',
      ' ',
      'x',
      '0',
      '03:00.0',
      'type',
      'backend',
      'connectors',
      'name=a',
      'node:',
      'é',
    ],
  );
  const words = fc.array(pieces, { maxLength: 12 }).map((all) => all.join(''));
  fc.assert(
    fc.property(
      fc.constantFrom(...LANGUAGES),
      words,
      fc.constantFrom('xl' as const, 'extended' as const),
      (key, word, dialect) => {
        try {
          read(`${key} = [ "${word}" ]`, dialect);
        } catch (error) {
          if (!(error instanceof XlError)) throw error;
          for (const { where } of error.diagnostics) expect(where?.line).toBe(3);
        }
      },
    ),
  );
});
