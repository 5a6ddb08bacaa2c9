import type { Arguments, CommandOption, CommandSummary, Run } from '../command.ts';

/** Options that every command takes, before its name or after it. */
export const commonOptions = [
  { name: 'help', letter: 'h', summary: 'Say what the command does and which options it takes.' },
  { name: 'json', summary: 'Answer in JSON, errors too.' },
  { name: 'timing', summary: 'Print where the time went.' },
  {
    name: 'host',
    value: ['xen', 'embedded'],
    summary: "Act on this machine's Xen, or on the embedded host; XL_HOST says the same.",
  },
] as const satisfies readonly CommandOption[];

/** Options that only stand before the command's name, as xl has them. */
export const globalOptions = [
  { name: 'verbose', letter: 'v', repeatable: true, summary: 'Say more; may be repeated.' },
  {
    name: 'dryrun',
    letter: 'N',
    summary: 'Change nothing: print what was understood, or the plan of a command that makes one.',
  },
  {
    name: 'force',
    letter: 'f',
    summary: "Accepted for xl's sake; nothing of ours refuses to run beside another toolstack.",
  },
  {
    name: 'progress',
    letter: 't',
    summary: "Accepted for xl's sake: progress draws over itself on a terminal anyway.",
  },
  { name: 'timestamps', letter: 'T', summary: 'Begin each line of the talk with the time.' },
  { name: 'version', summary: 'Print the version of this program.' },
] as const satisfies readonly CommandOption[];

/** How a plan can be shown. */
export const PLAN_FORMATS = ['text', 'qemu', 'xenstore', 'json'] as const;
/** What to show of a plan. */
export type PlanFormat = (typeof PLAN_FORMATS)[number];

const planOptions = [
  { name: 'plan', summary: 'Print the plan and change nothing.' },
  { name: 'format', value: PLAN_FORMATS, summary: 'What to print of the plan; implies --plan.' },
  {
    name: 'facts',
    value: 'FILE',
    summary: 'Plan on the facts of this file (see "xl host facts") instead of on this host.',
  },
  {
    name: 'assume',
    value: 'KEY=VALUE',
    repeatable: true,
    summary: 'Plan as if this were so: domid=7, xen=4.17, qemu=7.2, paths=present.',
  },
] as const;

const [justPlan, ...onPlans] = planOptions;
const dryRun = { name: 'dryrun', aliases: ['dry-run'], letter: 'n' } as const;
const planning = [{ ...dryRun, summary: 'The same as --plan.' }, ...planOptions] as const;

/** How guests are asked to end: `shutdown` and `reboot`. */
const ending = [
  { name: 'all', letter: 'a', summary: 'Ask every domain but domain 0.' },
  {
    name: 'wait',
    letter: 'w',
    repeatable: true,
    summary: 'Wait until the domains have ended; given twice, until they have been destroyed.',
  },
  {
    name: 'force',
    letter: 'F',
    summary: 'Fall back to an ACPI event for guests without PV drivers.',
  },
] as const;

const forceBase = {
  name: 'force-base',
  summary: 'Go on although the base image changed since the overlay was made.',
} as const;

/** How an overlay is served: `dscow serve` and `dscow attach`. */
const serving = [
  { name: 'read-only', letter: 'r', summary: 'Refuse writes.' },
  {
    name: 'sync',
    value: ['a', 'f'],
    summary: 'When a write is durable: a, before it is acknowledged; f, as usual, at the next flush.',
  },
  forceBase,
] as const;

/**
 * Every command, in the order in which help lists them: what xl has in xl's order (tools/xl/xl_cmdtable.c), then ours.
 * A name of two words is a command of a group: `disk explain`.
 */
export const commands = {
  create: {
    synopsis: '<ConfigFile> [options] [vars]',
    summary: 'Create a domain from config file <filename>',
    description:
      'Reads the configuration, decides what each device needs, makes the plan and runs it. Words of the form ' +
      'key=value are added to the configuration as if they stood at its end. /dev/null as the file means that they are all there is.',
    options: [
      { ...justPlan, aliases: ['dry-run'], letter: 'n' },
      ...onPlans,
      {
        name: 'dryrun',
        letter: 'N',
        summary:
          "Print the configuration as xl understands it, in libxl's JSON, and change nothing; so does xl -N create.",
      },
      { name: 'console', letter: 'c', summary: 'Connect to the console once the domain is there.' },
      { name: 'pause', letter: 'p', summary: 'Leave the domain paused after its creation.' },
      { name: 'defconfig', letter: 'f', value: 'FILE', summary: 'Use the given configuration file.' },
      { name: 'quiet', letter: 'q', summary: 'Print nothing but errors.' },
      { name: 'foreground', letter: 'F', summary: 'Stay until the domain ends.' },
      { name: 'detach', letter: 'e', summary: 'Do not wait in the background for the death of the domain.' },
      { name: 'debug', letter: 'd', summary: 'Print the plan to stderr before it runs.' },
      { name: 'strict', summary: 'Read the file as xl does: what xl refuses is an error, not a warning.' },
    ],
    minWords: 0,
    words: ['file', 'word'],
    dryRun: true,
  },
  list: {
    synopsis: '[options] [Domain]',
    summary: 'List information about all/some domains',
    options: [
      { name: 'long', letter: 'l', summary: 'Output all details, in JSON.' },
      { name: 'verbose', letter: 'v', summary: 'Also the UUIDs and why a domain has shut down.' },
    ],
    minWords: 0,
    words: ['domain'],
  },
  destroy: {
    synopsis: '[options] <Domain>',
    summary: 'Terminate a domain immediately',
    options: [
      {
        name: 'force',
        letter: 'f',
        summary: 'Permit destroying domain 0, which will only succeed when domain 0 does not actually exist.',
      },
      ...planning,
    ],
    minWords: 1,
    words: ['domain'],
    dryRun: true,
  },
  shutdown: {
    synopsis: '[options] <-a or Domain>',
    summary: 'Issue a shutdown signal to a domain',
    description:
      'The guest ends itself, in good order. The command waits until the guest has taken note, for a minute at most; with -w until it has ended.',
    options: [...ending, ...planning],
    minWords: 0,
    words: ['domain'],
    dryRun: true,
  },
  reboot: {
    synopsis: '[options] <-a or Domain>',
    summary: 'Issue a reboot signal to a domain',
    description:
      'The guest ends itself, in good order. The command waits until the guest has taken note, for a minute at most; with -w until it has ended.',
    options: [...ending, ...planning],
    minWords: 0,
    words: ['domain'],
    dryRun: true,
  },
  pause: {
    synopsis: '<Domain>',
    summary: 'Pause execution of a domain',
    options: [],
    minWords: 1,
    words: ['domain'],
  },
  unpause: {
    synopsis: '<Domain>',
    summary: 'Unpause a paused domain',
    options: [],
    minWords: 1,
    words: ['domain'],
  },
  console: {
    synopsis: '[options] <Domain>',
    summary: "Attach to domain's console",
    description: 'Leave with Ctrl-]. The last of what the domain has said so far is shown first.',
    options: [
      {
        name: 'type',
        letter: 't',
        value: ['pv', 'serial', 'vuart'],
        summary: 'Console type; PV for a PV or PVH guest, serial for HVM.',
      },
      { name: 'num', letter: 'n', value: 'NUMBER', summary: 'Console number.' },
      { name: 'escape', letter: 'e', value: 'CHAR', summary: 'Character that leaves the console, with Ctrl.' },
    ],
    minWords: 1,
    words: ['domain'],
  },
  'cd-insert': {
    synopsis: '<Domain> <VirtualDevice> <path>',
    summary: "Insert a cdrom into a guest's cd drive",
    description:
      'For guests with an emulated PC. The disc that is in the drive comes out; a guest that has locked its tray keeps it.',
    options: planning,
    minWords: 3,
    words: ['domain', 'device', 'file'],
    dryRun: true,
  },
  'cd-eject': {
    synopsis: '<Domain> <VirtualDevice>',
    summary: "Eject a cdrom from a guest's cd drive",
    options: planning,
    minWords: 2,
    words: ['domain', 'device'],
    dryRun: true,
  },
  'mem-max': {
    synopsis: "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>",
    summary: 'Set the maximum amount reservation for a domain',
    options: planning,
    minWords: 2,
    words: ['domain', 'word'],
    dryRun: true,
  },
  'mem-set': {
    synopsis: "<Domain> <MemMB['b'[bytes]|'k'[KB]|'m'[MB]|'g'[GB]|'t'[TB]]>",
    summary: 'Set the current memory usage for a domain',
    description: 'The guest gives memory back, or takes some, as its balloon driver follows; that takes its time.',
    options: planning,
    minWords: 2,
    words: ['domain', 'word'],
    dryRun: true,
  },
  'button-press': {
    synopsis: '<Domain> <Button>',
    summary: 'Indicate an ACPI button press to the domain',
    description: "<Button> may be 'power' or 'sleep'.",
    options: [],
    minWords: 2,
    words: ['domain', 'word'],
  },
  'vcpu-list': {
    synopsis: '[Domain, ...]',
    summary: 'List the VCPUs for all/some domains',
    options: [],
    minWords: 0,
    words: ['domain'],
  },
  'vcpu-pin': {
    synopsis: '[option] <Domain> <VCPU|all> <Hard affinity|-|all> <Soft affinity|-|all>',
    summary: 'Set which CPUs a VCPU can use',
    description:
      'CPUs are written 0-3,5,^1, node:0 or all; - leaves an affinity as it is. Xen runs a VCPU on the CPUs of its hard ' +
      'affinity alone, and on those of its soft one where it can. Like xl, it leaves the configuration as it is: a domain ' +
      'that reboots is not pinned any more.',
    options: [
      { name: 'force', letter: 'f', summary: 'Override also an affinity that Xen itself has narrowed for a while.' },
      {
        name: 'ignore-global-affinity-masks',
        letter: 'i',
        summary: "Don't narrow the hard affinity by vm.cpumask, vm.pv.cpumask and vm.hvm.cpumask of xl.conf.",
      },
      ...planning,
    ],
    minWords: 3,
    words: ['domain', 'word'],
    dryRun: true,
  },
  'vcpu-set': {
    synopsis: '[option] <Domain> <vCPUs>',
    summary: 'Set the number of active VCPUs allowed for the domain',
    description:
      'A guest with PV drivers brings vcpus up or down. An emulated PC is given processors and gives none back, which is said ' +
      'where xl passes over it.',
    options: [
      { name: 'ignore-host', letter: 'i', summary: "Don't limit the vCPU based on the host CPU count." },
      ...planning,
    ],
    minWords: 2,
    words: ['domain', 'word'],
    dryRun: true,
  },
  'vm-list': {
    synopsis: '',
    summary: 'List guest domains by UUID',
    options: [],
    minWords: 0,
    words: [],
  },
  info: {
    synopsis: '[Key]',
    summary: 'Get information about Xen host',
    description:
      'With a word, only the values of the lines that begin with it. On the embedded host: this machine and its QEMU.',
    options: [
      { name: 'numa', letter: 'n', summary: 'List host NUMA topology information.' },
      { name: 'xenstore', letter: 'x', summary: "Also which features of domains' xenstore the host supports." },
    ],
    minWords: 0,
    words: ['word'],
  },
  domid: {
    synopsis: '<DomainName>',
    summary: 'Convert a domain name to domain id',
    options: [],
    minWords: 1,
    words: ['domain'],
  },
  domname: {
    synopsis: '<DomainId>',
    summary: 'Convert a domain id to domain name',
    options: [],
    minWords: 1,
    words: ['word'],
  },
  rename: {
    synopsis: '<Domain> <NewDomainName>',
    summary: 'Rename a domain',
    options: planning,
    minWords: 2,
    words: ['domain', 'word'],
    dryRun: true,
  },
  trigger: {
    synopsis: '<Domain> <nmi|reset|init|power|sleep|s3resume> [<VCPU>]',
    summary: 'Send a trigger to a domain',
    options: [],
    minWords: 2,
    words: ['domain', 'word'],
  },
  sysrq: {
    synopsis: '<Domain> <letter>',
    summary: 'Send a sysrq to a domain',
    options: [],
    minWords: 2,
    words: ['domain', 'word'],
  },
  'debug-keys': {
    synopsis: '<Keys>',
    summary: 'Send debug keys to Xen',
    description:
      'As if they were typed on the console of Xen. Its answers are in `xl dmesg`; the key h lists the others.',
    options: [],
    minWords: 1,
    words: ['word'],
  },
  dmesg: {
    synopsis: '[-c]',
    summary: 'Read and/or clear dmesg buffer',
    options: [{ name: 'clear', letter: 'c', summary: 'Clear dmesg buffer as well as printing it.' }],
    minWords: 0,
    words: [],
  },
  'network-attach': {
    synopsis: '<Domain> [type=<type>] [mac=<mac>] [bridge=<bridge>] [ip=<ip>] [script=<script>] [key=value]...',
    summary: 'Create a new virtual network device',
    description: 'Each word is one key=value of the interface, with the keys of vif in xl.cfg(5).',
    options: planning,
    minWords: 1,
    words: ['domain', 'word'],
    dryRun: true,
  },
  'network-list': {
    synopsis: '<Domain(s)>',
    summary: 'List virtual network interfaces for a domain',
    options: [],
    minWords: 1,
    words: ['domain'],
  },
  'network-detach': {
    synopsis: '<Domain> <DevId or mac>',
    summary: "Destroy a domain's virtual network device",
    description: 'The guest is asked to let go first; one that does not answer loses the interface all the same.',
    options: planning,
    minWords: 2,
    words: ['domain', 'device'],
    dryRun: true,
  },
  'block-attach': {
    synopsis: '<Domain> <disk-spec-component(s)>...',
    summary: 'Create a new virtual block device',
    options: planning,
    minWords: 2,
    words: ['domain', 'disk-spec'],
    dryRun: true,
  },
  'block-list': {
    synopsis: '<Domain(s)>',
    summary: 'List virtual block devices for a domain',
    options: [],
    minWords: 1,
    words: ['domain'],
  },
  'block-detach': {
    synopsis: '<Domain> <DevId>',
    summary: "Destroy a domain's virtual block device",
    description: 'The device may be named as the guest sees it (xvdb) or by its number (51728).',
    options: [{ name: 'force', letter: 'f', summary: 'Take the device away without asking the guest.' }, ...planning],
    minWords: 2,
    words: ['domain', 'device'],
    dryRun: true,
  },
  uptime: {
    synopsis: '[-s] [Domain]',
    summary: 'Print uptime for all/some domains',
    options: [{ name: 'short', letter: 's', summary: 'Print a line for each domain as uptime(1) does.' }],
    minWords: 0,
    words: ['domain'],
  },
  gc: {
    synopsis: '[-n]',
    summary: 'Take away what dead domains of xl-ts have left behind',
    description:
      'Domains that nobody can use, nodes, device models, loop devices behind them, and files: what is ours and dead, with the ' +
      'reason for both. What stock xl has made is left alone. A killed command is taken back by the next one in any case.',
    options: [{ name: 'dryrun', aliases: ['dry-run'], letter: 'n', summary: 'Say what is left, and change nothing.' }],
    minWords: 0,
    words: [],
    dryRun: true,
    ours: true,
  },
  monitor: {
    synopsis: '[-F] <Domain>',
    summary: 'Look after a domain that xl-ts made and whose monitor has died',
    description:
      'create starts a monitor for each domain, in the background: it does what on_poweroff, on_reboot, on_crash and their ' +
      'like say. Its log is xl-NAME.log beside those of QEMU. xl list says where a monitor is missing.',
    options: [
      { name: 'foreground', letter: 'F', summary: 'Be the monitor, instead of starting one in the background.' },
    ],
    minWords: 1,
    words: ['domain'],
    ours: true,
  },
  'disk explain': {
    synopsis: '<disk-spec-component(s)>...',
    summary: 'Say what a disk specification means and which backend will serve it, and why no other',
    options: [
      { name: 'type', value: ['pv', 'pvh', 'hvm'], summary: 'The kind of domain that gets the disk; pvh unless said.' },
      { name: 'facts', value: 'FILE', summary: 'Decide on the facts of this file instead of on this host.' },
      { name: 'assume', value: 'KEY=VALUE', repeatable: true, summary: 'Decide as if this were so: xen=4.17.' },
    ],
    minWords: 1,
    words: ['disk-spec'],
    ours: true,
  },
  'config schema': {
    synopsis: '',
    summary: 'Print the keys of xl.cfg as a JSON Schema',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
  },
  'disk probe': {
    synopsis: '<File>...',
    summary: 'Say what format an image has and what lies below it',
    options: [],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow create': {
    synopsis: '[options] <File> <Base>',
    summary: 'Make a copy-on-write overlay over a raw image',
    options: [
      {
        name: 'block-size',
        letter: 'b',
        value: 'BYTES',
        summary: 'What is copied at the first write into it: 4096 to 2097152, a power of two; 65536 unless said.',
      },
    ],
    minWords: 2,
    words: ['file'],
    ours: true,
  },
  'dscow info': {
    synopsis: '<File>',
    summary: 'Say what an overlay is: its base, its sizes, how much has changed, who uses it',
    options: [],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow map': {
    synopsis: '<File>',
    summary: 'List which stretches of the disk the overlay holds and which come from its base',
    options: [],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow check': {
    synopsis: '<File>',
    summary: 'Say whether an overlay and its base are sound; exit status 1 where they are not',
    options: [],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow reset': {
    synopsis: '[options] <File>',
    summary: 'Drop all changes of an overlay',
    description: 'In one step: also after a power cut, either all changes are there or none.',
    options: [forceBase],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow commit': {
    synopsis: '[options] <File>',
    summary: "Write an overlay's changes into its base",
    description:
      'The overlay is empty afterwards. Every other overlay over the same base is lost by that; with --into the base stays as it is.',
    options: [
      { name: 'into', value: 'IMAGE', summary: 'Write base and changes into a new raw image instead.' },
      forceBase,
    ],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow rebase': {
    synopsis: '[options] <File> <Base>',
    summary: "Say where an overlay's base is now",
    description: 'Only the header is written. The base must have the same content as the one before.',
    options: [{ name: 'force', letter: 'f', summary: 'Take a base with another content.' }],
    minWords: 2,
    words: ['file'],
    ours: true,
  },
  'dscow convert': {
    synopsis: '[options] <File> <Output>',
    summary: 'Make a raw image or a qcow2 overlay of a dscow overlay, or a dscow overlay of a qcow2 one',
    options: [
      {
        name: 'output-format',
        letter: 'O',
        value: ['raw', 'qcow2', 'dscow'],
        summary: 'What to make; raw unless said.',
      },
      forceBase,
    ],
    minWords: 2,
    words: ['file'],
    ours: true,
  },
  'dscow serve': {
    synopsis: '[options] <File>',
    summary: 'Serve an overlay over NBD at a Unix socket',
    description: 'In the background, until "xl dscow detach" or SIGTERM; prints the socket.',
    options: [
      ...serving,
      { name: 'name', value: 'NAME', summary: "The export's name; the file's without its ending unless said." },
      { name: 'socket', value: 'PATH', summary: 'Where to listen; below the state directory unless said.' },
      { name: 'foreground', letter: 'F', summary: 'Stay, and say on stderr what happens.' },
    ],
    minWords: 1,
    words: ['file'],
    ours: true,
  },
  'dscow attach': {
    synopsis: '[options] <Name> <File>',
    summary: 'Serve an overlay and give it a block device; prints the device',
    description:
      "The device is one of the kernel's nbd driver where there is one, else a loop device over the file that qemu-storage-daemon shows through FUSE.",
    options: [...serving, { name: 'via', value: ['nbd', 'loop'], summary: 'Take this way and no other.' }],
    minWords: 2,
    words: ['word', 'file'],
    ours: true,
  },
  'dscow detach': {
    synopsis: '<Name>',
    summary: 'Give back the block device of an overlay and end its server; nothing to do is no error',
    options: [],
    minWords: 1,
    words: ['word'],
    ours: true,
  },
  'dscow list': {
    synopsis: '',
    summary: 'List the overlays that are served, and what was left behind',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
  },
  'host status': {
    synopsis: '',
    summary: 'Say which host commands act on, and how it is',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
  },
  'host facts': {
    synopsis: '[File]...',
    summary: 'Print what a plan would know about this host and these files, as JSON',
    options: [{ name: 'assume', value: 'KEY=VALUE', repeatable: true, summary: 'Say this instead of what is found.' }],
    minWords: 0,
    words: ['file'],
    ours: true,
  },
  'host stop': {
    synopsis: '',
    summary: 'End the embedded host and every domain on it',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
  },
  'host daemon': {
    synopsis: '',
    summary: 'Be the embedded host; started by the first command that needs it',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
    hidden: true,
  },
  hotplug: {
    synopsis: '<script> <add|remove>',
    summary: 'Do the work of a hotplug script; run by hotplug/*',
    options: [],
    minWords: 2,
    words: ['word'],
    ours: true,
    hidden: true,
  },
  dscow_tool: {
    synopsis: '-c <CowFile> <BaseImage>',
    summary: "dm-userspace's command; today xl dscow create",
    options: [{ name: 'create', letter: 'c', summary: 'Make an overlay.' }],
    minWords: 2,
    words: ['file'],
    ours: true,
    hidden: true,
  },
  cowd: {
    synopsis: '-p dscow [--sync=a] <Name> <CowFile>',
    summary: "dm-userspace's daemon; today xl dscow attach",
    options: [
      { name: 'plugin', letter: 'p', value: 'PLUGIN', summary: 'dscow.' },
      { name: 'sync', value: ['a', 'f'], summary: 'a: a write is durable before it is acknowledged.' },
    ],
    minWords: 2,
    words: ['word', 'file'],
    ours: true,
    hidden: true,
  },
  completion: {
    synopsis: '<bash|zsh>',
    summary: 'Print the completion script for a shell',
    options: [],
    minWords: 1,
    words: ['word'],
    ours: true,
  },
  help: {
    synopsis: '[command]',
    summary: 'List the commands, or explain one',
    options: [],
    minWords: 0,
    words: ['command'],
    ours: true,
  },
  version: {
    synopsis: '',
    summary: 'Print the version of this program',
    options: [],
    minWords: 0,
    words: [],
    ours: true,
  },
} as const satisfies Record<string, CommandSummary>;

/** The name of a command, as the table has it. */
export type CommandName = keyof typeof commands;
/** What a command gets: its own options, typed by its row. */
export type ArgumentsOf<Name extends CommandName> = Arguments<(typeof commands)[Name]['options']>;
/** The function that a command's file exports as `run`. */
export type RunOf<Name extends CommandName> = Run<(typeof commands)[Name]['options']>;

/** The commands that help shows. */
export const visibleCommands = (): [CommandName, CommandSummary][] =>
  (Object.entries(commands) as [CommandName, CommandSummary][]).filter(([, summary]) => summary.hidden !== true);
