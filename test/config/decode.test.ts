import { describe, expect, test } from 'vitest';
import { XlError, type Diagnostic } from '../../lib/base/error.ts';
import { decodeDomain, type Decoded, type DecodeOptions } from '../../lib/config/domain.ts';
import { parseConfig, type ParseOptions } from '../../lib/config/parse.ts';

const decode = (text: string, options: DecodeOptions = {}, parsing: ParseOptions = {}): Decoded =>
  decodeDomain(parseConfig(text, { source: 'web.cfg', ...parsing }), options);

function refusal(text: string, options: DecodeOptions = {}, parsing: ParseOptions = {}): XlError {
  try {
    decode(text, options, parsing);
  } catch (error) {
    if (error instanceof XlError) return error;
    throw error;
  }
  throw new Error('the configuration was taken');
}

const inShort = ({ severity, code, where }: Diagnostic): string =>
  `${severity} ${code} ${where?.line ?? '-'}:${where?.column ?? '-'}`;

const PV = 'name = "web"\nkernel = "/boot/vmlinuz"\n';
const HVM = 'name = "web"\ntype = "hvm"\n';

describe('a configuration', () => {
  test('says what the guest is', () => {
    const { config, diagnostics } = decode(`
      name = "web"
      type = "pvh"
      uuid = "3FE4AB32-2b75-4b9e-8d45-3d9b2a0c8a11"
      kernel = "/boot/vmlinuz"
      extra = "console=hvc0"
      memory = 0x200
      vcpus = "2"
      localtime = 1
      on_crash = "preserve"
      disk = [ "/srv/web.qcow2,qcow2,xvda,rw", '/srv/data,raw,xvdb,r' ]
      vif = [ "bridge=br0", "" ]
      device_model_args = [ "-d", "trace" ]
    `);
    expect(diagnostics).toEqual([]);
    expect(config).toMatchObject({ source: 'web.cfg', dialect: 'extended', name: 'web', type: 'pvh' });
    expect(config.keys).toMatchObject({
      uuid: '3fe4ab32-2b75-4b9e-8d45-3d9b2a0c8a11',
      memory: 512,
      vcpus: 2,
      localtime: true,
      on_crash: 'preserve',
      on_reboot: null,
      device_model_args: ['-d', 'trace'],
    });
    expect(config.disks.map(({ disk, spec }) => [disk.vdev, disk.format, disk.readwrite, spec])).toEqual([
      ['xvda', 'qcow2', 1, '/srv/web.qcow2,qcow2,xvda,rw'],
      ['xvdb', 'raw', 0, '/srv/data,raw,xvdb,r'],
    ]);
    expect(config.vifs.map(({ vif }) => [vif.devid, vif.bridge])).toEqual([
      [0, 'br0'],
      [1, null],
    ]);
    expect(config.places.memory).toMatchObject({ source: 'web.cfg', line: 7, column: 16, length: 5 });
    expect(config.disks[1]?.where).toMatchObject({ line: 11, column: 49, length: 20 });
    expect(JSON.parse(JSON.stringify(config))).toMatchObject({ name: 'web' });
  });

  test.each([
    ['type = "hvm"', 'hvm'],
    ['type = "pvh"\nkernel = "/k"', 'pvh'],
    ['type = "pv"\nkernel = "/k"', 'pv'],
    ['type = "h"', 'hvm'],
    ['type = "p"\nkernel = "/k"', 'pv'],
    ['builder = "hvm"', 'hvm'],
    ['builder = "generic"\nkernel = "/k"', 'pv'],
    ['builder = "hvm"\ntype = "hvm"', 'hvm'],
    ['kernel = "/k"', 'pv'],
  ])('%j is an %s guest', (text, type) => {
    expect(decode(`name = "x"\n${text}\n`).config.type).toBe(type);
  });

  test.each([
    ['serial = "pty"', 'serial', ['pty']],
    ['serial = [ "pty", "null" ]', 'serial', ['pty', 'null']],
    ['hdtype = "AHCI"', 'hdtype', 'ahci'],
    ['rtc_timeoffset = "-3600"', 'rtc_timeoffset', -3600],
    ['acpi = 2', 'acpi', true],
    ['acpi = 0', 'acpi', false],
  ])('%s gives %s = %j', (text, key, value) => {
    expect(decode(`${HVM}${text}\n`).config.keys).toMatchObject({ [key]: value });
  });

  test("a kernel that is xm's hvmloader is none", () => {
    const { config, diagnostics } = decode(`${HVM}kernel = "/usr/lib/xen/boot/hvmloader"\n`);
    expect(config.keys.kernel).toBeNull();
    expect(diagnostics.map(inShort)).toEqual(['warning kernel-hvmloader 3:10']);
  });

  test('takes the words of the command line, and says so of what is wrong in them', () => {
    const overrides = ['memory=512', 'vcpus=9000'];
    const error = refusal(PV, {}, { overrides });
    expect(error.where).toEqual({ source: 'command line', line: 2, column: 7, length: 4, text: 'vcpus=9000' });
  });
});

describe('where xl ends with a line, so do we, and with its words', () => {
  test.each([
    ['kernel = "/k"', 'Domain name must be specified.'],
    [`${PV}type = "xen"`, 'Invalid domain type xen.'],
    [`${PV}builder = "HVM"`, 'Invalid domain type HVM.'],
    [`${PV}builder = "hvm"\ntype = "pv"`, 'Contradicting "builder" and "type" options specified.'],
    [`${PV}uuid = "x"`, 'Failed to parse UUID: x'],
    [`${PV}uuid = "3fe4ab322b754b9e8d453d9b2a0c8a11"`, 'Failed to parse UUID: 3fe4ab322b754b9e8d453d9b2a0c8a11'],
    [`${PV}vcpus = 4\nmaxvcpus = 2`, 'xl: maxvcpus < vcpus'],
    [`${PV}on_reboot = "stay"`, 'Unknown on_reboot action "stay" specified'],
    [`${PV}on_crash = "DESTROY"`, 'Unknown on_crash action "DESTROY" specified'],
    [`${HVM}vga = "x"`, 'Unknown vga "x" specified'],
    [`${HVM}hdtype = "x"`, 'ERROR: invalid value "x" for "hdtype"'],
    [`${HVM}bios = "x"`, 'ERROR: invalid value "x" for "bios"'],
    [`${HVM}mmio_hole = 10`, 'ERROR: invalid value 10 for "mmio_hole"'],
    [`${HVM}altp2m = 9`, 'ERROR: invalid value 9 for "altp2m"'],
    [`${HVM}ms_vm_genid = "x"`, 'ERROR: "ms_vm_genid" option must be "generate" or "none"'],
    [`${PV}passthrough = "x"`, "ERROR: unknown passthrough option 'x'"],
    [`${PV}device_model_version = "x"`, 'Unknown device_model_version "x" specified'],
    ['name = "x"', 'Neither kernel nor bootloader specified'],
    ['name = "x"\ntype = "pvh"', 'Neither kernel nor bootloader specified'],
    ['name = "x"\nfirmware = "y"', 'ERROR: only pvgrub{32|64} supported as firmware options'],
    [`${PV}firmware = "pvgrub64"`, 'ERROR: both kernel and firmware specified'],
    [`${PV}disk = [ "x" ]`, "web.cfg: config parsing error in disk specification: no vdev specified in `x'"],
    [`${PV}vif = [ "rate=x" ]`, "web.cfg: config parsing error in vif: invalid rate in `x'"],
    [`${PV}vif = [ "devid=x" ]`, 'xl: failed to convert "x" to number'],
  ])('%j', (text, line) => {
    for (const dialect of ['xl', 'extended'] as const) {
      const error = refusal(text, {}, { dialect });
      expect(error.messages).toEqual([line]);
      expect(error.exitCode).toBe(1);
      expect(error.hint).toBeTruthy();
    }
  });
});

describe('where xl passes over a value, dialect xl warns and extended refuses', () => {
  test.each([
    ['memory = "lots"', 'key-number 3:10', "web.cfg:3: warning: parameter `memory' is not a valid number"],
    [
      'memory = 1\nmemory += "2"',
      'key-number 4:11',
      "web.cfg:4: warning: can't use += with numbers for parameter `memory'",
    ],
    [
      'memory = 9223372036854775808',
      'key-number 3:10',
      "web.cfg:3: warning: parameter `memory' could not be parsed as a number: Numerical result out of range",
    ],
    ['vcpus = [ 1 ]', 'key-type 3:9', "web.cfg:3: warning: parameter `vcpus' is a list but should be a single value"],
    [
      'disk = "/x,raw,xvda"',
      'key-type 3:8',
      "web.cfg:3: warning: parameter `disk' is a single value but should be a list",
    ],
    ['vif = [ "bogus=1" ]', 'vif-option 3:10', "unrecognized argument `bogus=1'"],
    ['vif = [ "bridge=b,type=x" ]', 'vif-type 3:19', "Invalid parameter `type'."],
  ])('%s', (text, found, line) => {
    const { diagnostics } = decode(`${PV}${text}\n`, {}, { dialect: 'xl' });
    expect(diagnostics.map(inShort)).toEqual([`warning ${found}`]);
    const error = refusal(`${PV}${text}\n`);
    expect(error.diagnostics.map(inShort)).toEqual([`error ${found}`]);
    expect(error.messages).toEqual([line]);
  });

  test('a list inside the disks ends them in xl, without a word', () => {
    const text = `${PV}disk = [ "/a,raw,xvda", [], "/b,raw,xvdb" ]\n`;
    const { config, diagnostics } = decode(text, {}, { dialect: 'xl' });
    expect(config.disks.map(({ spec }) => spec)).toEqual(['/a,raw,xvda']);
    expect(diagnostics.map(inShort)).toEqual(['warning key-item 3:25']);
    expect(refusal(text).diagnostics.map(inShort)).toEqual(['error key-item 3:25']);
  });
});

describe('what no guest can be is an error', () => {
  test.each([
    [`${PV}memory = 0`, 'key-range 3:10'],
    [`${PV}memory = "-1"`, 'key-range 3:10'],
    [`${PV}memory = 9223372036854775807`, 'key-range 3:10'],
    [`${PV}vcpus = 0`, 'key-range 3:9'],
    [`${PV}memory = 64\nmaxmem = 32`, 'memory-over-maximum 4:10'],
    [`${HVM}boot = "cx"`, 'boot-order 3:8'],
    [`${HVM}boot = "cc"`, 'boot-order 3:8'],
    ['name = ""\nkernel = "/k"', 'name-bad 1:8'],
    ['name = "a/b"\nkernel = "/k"', 'name-bad 1:8'],
    ['name = "a\\nb"\nkernel = "/k"', 'name-bad 1:8'],
    [`name = "${'ü'.repeat(101)}"\nkernel = "/k"`, 'name-bad 1:8'],
    ['name = [ "x" ]\nkernel = "/k"', 'key-type 1:8'],
    [`${HVM}spice = 1\nspicedisable_ticketing = 1`, 'spice-port 3:9'],
    [`${HVM}spice = 1\nspiceport = 6000`, 'spice-password 3:9'],
    [`${HVM}usb = 1\nusbversion = 3`, 'usb-contradiction 4:14'],
    [`${PV}vif = [ "forwarddev=eth0" ]`, 'vif-not-yet 3:10'],
    [`${PV}vfb = [ "vnc=yes" ]`, 'vfb-number 3:10'],
  ])('%.60j', (text, found) => {
    expect(refusal(text).diagnostics.map(inShort)).toEqual([`error ${found}`]);
  });
});

describe('a key that we know and cannot act on', () => {
  test.each([
    'pool = "p"',
    'cpus = "0-3"',
    'nomigrate = 1',
    'pci = [ "03:00.0" ]',
    'bootloader = "pygrub"',
    'vnuma = [ [ "pnode=0" ] ]',
  ])('%s is refused, as the guest would be another', (text) => {
    expect(refusal(`${PV}${text}\n`).diagnostics.map(inShort)).toEqual(['error key-not-yet 3:1']);
  });

  test.each([
    'pool = "Pool-0"',
    'cpus = "all"',
    'nomigrate = 0',
    'tsc_mode = "Default"',
    'e820_host = "0"',
    'vnuma = []',
  ])('%s is taken, as it says what holds anyway', (text) => {
    expect(decode(`${PV}${text}\n`).diagnostics).toEqual([]);
  });
});

describe('read without a guest in mind, every key has its value', () => {
  test.each([
    ['pool = "p"', 'pool', 'p'],
    ['nomigrate = 1', 'nomigrate', true],
    ['tsc_mode = 2', 'tsc_mode', 'native'],
    ['tsc_mode = "Native"', 'tsc_mode', 'native'],
    ['altp2m = 1', 'altp2m', 'mixed'],
    ['gfx_passthru = 5', 'gfx_passthru', true],
    ['gfx_passthru = "IGD"', 'gfx_passthru', 'igd'],
    ['viridian = 1', 'viridian', true],
    ['viridian = [ "base", "!stimer" ]', 'viridian', ['base', '!stimer']],
    ['bootloader_args = " -a  b"', 'bootloader_args', ['-a', 'b']],
    ['bootloader_args = [ "-a b" ]', 'bootloader_args', ['-a b']],
    ['slice = 7', 'slice', 7],
    ['vnuma = [ [ "pnode=0" ] ]', 'vnuma', [['pnode=0']]],
  ])('%s gives %s = %j', (text, key, value) => {
    expect(decode(`${HVM}${text}\n`, { unsupported: 'read' }).config.keys).toMatchObject({ [key]: value });
  });

  test('what xl would end with another status, we do too', () => {
    const error = refusal(`${PV}tee = "x"`);
    expect([error.messages, error.exitCode]).toEqual([['Unknown tee "x" specified'], 3]);
    expect(refusal(`${HVM}tsc_mode = 9`).messages).toEqual([
      'WARNING: specifying "tsc_mode" as an integer is deprecated. Please use the named parameter variant. ',
      'ERROR: invalid value 9 for "tsc_mode"',
    ]);
  });
});

describe('what has no effect is told', () => {
  test.each([
    [`${PV}memmory = 512`, 'warning key-unknown 3:1', 'did you mean `memory`? xl ignores it as it is'],
    [`${PV}qqqqqqqq = 512`, 'warning key-unknown 3:1', 'xl ignores it'],
    [`${PV}dhcp = "dhcp"`, 'warning key-ignored 3:1', 'A key of xm and xend without effect in xl.'],
    [`${PV}device_model = "x"`, 'warning key-ignored 3:1', 'write `device_model_override`'],
    [`${PV}boot = "c"`, 'warning key-foreign 3:1', 'it is for HVM guests'],
    [`${HVM}builder = "hvm"`, 'note key-deprecated 3:1', 'write `type`'],
    [`${HVM}stdvga = 1`, 'note key-deprecated 3:1', 'write `vga = "stdvga"`'],
    [`${HVM}ramdisk = "/r"`, 'warning boot-without-kernel 3:11', 'an HVM guest without one boots from its disks'],
    [`${PV}vfb = [ "type=sdl" ]`, 'warning vfb-option 3:10', "xl ignores xend's `type`: write vnc=1 or sdl=1"],
    [`${PV}vfb = [ "" ]\nvnc = 1`, 'warning screen-ignored 4:7', 'say it in the `vfb` list: vfb = [ "vnc=1" ]'],
    ['name = "7"\nkernel = "/k"', 'warning name-number 1:8', 'put a letter into it'],
    ['name = "x"\ntype = "hv"', 'warning key-abbreviated 2:8', 'write type = "hvm"'],
  ])('%j', (text, found, hint) => {
    const { diagnostics } = decode(text);
    expect(diagnostics.map(inShort)).toEqual([found]);
    expect(diagnostics[0]?.hint).toBe(hint);
  });

  test('under strict it is refused', () => {
    const error = refusal(`${PV}memmory = 512\r\n`, { strict: true });
    expect(error.diagnostics.map(inShort)).toEqual(['error key-unknown 3:1', 'error config-carriage-return 3:14']);
  });
});

test('all problems come in one run, by their place, the command line last', () => {
  const text = [
    'vcpus = 4',
    'disk = [ "/a,raw", "/b,raw,xvdb", "/c,xvdc,q,q,q" ]',
    'memmory = 1',
    'on_crash = "x"',
    'maxvcpus = 2',
    'name = "x"',
  ];
  const error = refusal(text.join('\n'), {}, { overrides: ['uuid="y"'] });
  const places = error.diagnostics.map(({ where }) => [where?.source, where?.line ?? 0, where?.column ?? 0]);
  expect(places.at(-1)).toEqual(['command line', 1, 6]);
  const lines = places.slice(0, -1).map(([, line]) => line);
  expect(lines).toEqual([...lines].sort());
  expect(new Set(error.diagnostics.map(({ code }) => code))).toContain('key-unknown');
  expect(error.diagnostics.length).toBeGreaterThanOrEqual(7);
});
