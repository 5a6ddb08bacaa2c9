import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readPci, readPciAddress, type Pci } from '../../lib/config/devices/pci.ts';

/** Answers of libxlutil 4.17.7: `xlu_pci_parse_bdf` and `xlu_pci_parse_spec_string`. */
interface Case {
  readonly kind: 'bdf' | 'pci';
  readonly input: string;
  readonly result: {
    readonly ok?: Record<string, unknown>;
    readonly error?: { readonly rc: number; readonly report: readonly string[] };
  };
}

const cases = readFileSync(join(import.meta.dirname, '../fixtures/config/pci.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Case);

/** A device by libxl's names; what was not said has C's zero. */
function asLibxl(pci: Pci): Record<string, unknown> {
  const { address } = pci;
  return {
    domain: address?.domain ?? 0,
    bus: address?.bus ?? 0,
    dev: address?.device ?? 0,
    func: address?.func ?? 0,
    vdevfn: (pci.slot ?? 0) << 3,
    vfunc_mask: address === null ? 0 : address.func === null ? 0xffff_ffff : 1,
    msitranslate: pci.msitranslate ?? false,
    power_mgmt: pci.powerMgmt ?? false,
    permissive: pci.permissive ?? false,
    seize: pci.seize ?? false,
    rdm_policy: pci.rdmPolicy ?? 'invalid',
    name: pci.name,
  };
}

const nothing: Pci = {
  address: null,
  name: null,
  slot: null,
  permissive: null,
  msitranslate: null,
  seize: null,
  powerMgmt: null,
  rdmPolicy: null,
};

describe('PCI addresses are read as libxlutil reads them', () => {
  test.each(cases.filter(({ kind }) => kind === 'bdf').map((each) => [each.input, each.result] as const))(
    '%j',
    (input, { ok }) => {
      const address = readPciAddress(input);
      expect(address === null ? undefined : asLibxl({ ...nothing, address })).toEqual(ok);
    },
  );
});

describe('PCI devices are read as libxlutil reads them', () => {
  test.each(cases.filter(({ kind }) => kind === 'pci').map((each) => [each.input, each.result] as const))(
    '%j',
    (input, { ok, error }) => {
      const { value, findings } = readPci(input);
      if (ok !== undefined) {
        expect(findings).toEqual([]);
        expect(asLibxl(value)).toEqual(ok);
        return;
      }
      const line = `${error?.report.join('') ?? ''}unable to parse PCI_SPEC_STRING \`${input}' for passthrough`;
      expect(findings.map(({ xl, xlExit }) => [xl, xlExit])).toEqual([[line, -(error?.rc ?? 0)]]);
    },
  );

  test.each([
    ['03:00.0,permisive=1', 'pci-option', 8, 'did you mean `permissive`?'],
    ['03:00.0@20', 'pci-vslot', 8, 'write @5'],
    ['03:00', 'pci-address', 0, 'an address is such as 0000:03:00.0, in hexadecimal, as lspci -D shows it'],
    ['03:00.0 ', 'pci-option', 7, 'options follow a comma: 03:00.0,permissive=1'],
    ['bdf=zz', 'pci-address', 0, 'an address is such as 0000:03:00.0'],
  ])('%s is an error with its place and a way out', (word, code, start, hint) => {
    expect(readPci(word).findings).toMatchObject([{ severity: 'error', code, start, hint }]);
  });
});
