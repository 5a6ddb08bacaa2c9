import { errorFrom, type Diagnostic } from '../../lib/base/error.ts';
import { readVifOptions, type Vif } from '../../lib/config/vif.ts';
import type { VifDevice } from '../../lib/device/vif.ts';
import type { HostFacts } from '../../lib/base/facts.ts';
import { planAttachVif } from '../../lib/plan/network.ts';
import type { RunningDomain } from '../../lib/plan/running.ts';
import { nicJson } from '../../lib/libxl-json/devices.ts';
import { printJson } from '../../lib/libxl-json/json.ts';
import { resolveVif } from '../../lib/resolve/vifs.ts';
import { carryOut } from '../carry-out.ts';
import { drawChoices } from '../choices.ts';
import type { CommandContext } from '../command.ts';
import { factsForPlan, hostFacts } from '../facts.ts';
import { requireDomain } from '../find-domain.ts';
import { intentOf } from '../intent.ts';
import { withHost } from '../open-host.ts';
import { printDiagnostics } from '../print/error.ts';
import { printPlan } from '../print/plan.ts';
import type { RunOf } from './index.ts';

/** libxl's "not said": the interface gets the next number that is free. */
const ANY_DEVID = -1;

/** `xl network-attach DOMAIN [key=value …]`. */
export const run: RunOf<'network-attach'> = (context, { options, words }) => {
  const { terminal, global } = context;
  const [domainWord, ...said] = words as [string, ...string[]];
  const vif = readVif(said, context);
  // xl's own dry run says how it has understood the words, and looks at no domain.
  if (global.dryRun) {
    const devid = vif.devid === ANY_DEVID ? {} : { devid: vif.devid };
    terminal.out(`vif: ${printJson(nicJson(vif, devid))}\n`);
    return 0;
  }
  return withHost(context, async (host) => {
    const domain = await requireDomain(host.ports.store, domainWord);
    const intent = intentOf(context, options);
    const facts =
      intent.kind === 'run'
        ? await hostFacts(host, [], { uuids: false })
        : (await factsForPlan(context, options, [])).facts;
    const device = deviceFor(vif, domain, facts, context);
    const plan = planAttachVif(domain, { vif: device, kept: nicJson(vif, device) }, facts);
    if (intent.kind === 'print') {
      printPlan(plan, intent.format, terminal, () => []);
      return 0;
    }
    await carryOut(plan, host, context, { quiet: false });
    const { devid, mac } = device;
    if (global.json) terminal.out(`${JSON.stringify({ domid: domain.domid, devid, mac })}\n`);
    return 0;
  });
};

/** What the words say. Each stands for itself: a comma in one is part of its value. */
function readVif(words: readonly string[], { terminal }: CommandContext): Vif {
  const source = 'command line';
  const text = words.join(' ');
  let start = 0;
  const pieces = words.map((word) => {
    const piece = { text: word, start };
    start += word.length + 1;
    return piece;
  });
  const { vif, findings } = readVifOptions(pieces, ANY_DEVID, { dialect: 'extended', source });
  const diagnostics = findings.map(({ severity, code, message, hint, start: at, length }): Diagnostic => ({
    severity,
    code,
    message,
    where: { source, line: 1, column: at + 1, length, text },
    ...(hint === undefined ? {} : { hint }),
  }));
  const messages = findings.flatMap(({ xl }) => (xl === undefined ? [] : [xl]));
  if (diagnostics.some(({ severity }) => severity === 'error')) throw errorFrom(diagnostics, { messages });
  printDiagnostics(diagnostics, terminal);
  return vif;
}

function deviceFor(vif: Vif, domain: RunningDomain, facts: HostFacts, { terminal }: CommandContext): VifDevice {
  const where = { source: 'command line' };
  const owner = { domid: String(domain.domid), type: domain.type ?? 'pv', hotplug: true };
  const devid = vif.devid === ANY_DEVID ? nextDevid(domain) : vif.devid;
  const found = resolveVif({ vif: { ...vif, devid }, where }, owner, facts, drawChoices().mac(devid));
  const diagnostics = [...found.diagnostics, ...notConnected(vif, facts)];
  if (diagnostics.some(({ severity }) => severity === 'error')) throw errorFrom(diagnostics);
  printDiagnostics(diagnostics, terminal);
  return found.value;
}

/** The number after the largest (`libxl__device_nextid`). */
const nextDevid = ({ devices }: RunningDomain): number =>
  Math.max(-1, ...devices.filter(({ kind }) => kind === 'vif').map(({ devid }) => devid)) + 1;

function notConnected({ forwarddev }: Vif, { host }: HostFacts): Diagnostic[] {
  const colo: Diagnostic = {
    severity: 'error',
    code: 'vif-not-yet',
    message: '`forwarddev` is not supported yet',
    hint: 'without it packets of a COLO guest go another way',
  };
  const embedded: Diagnostic = {
    severity: 'warning',
    code: 'vif-not-plugged',
    message: 'the embedded host gives a guest that runs no new card: the interface is in xenstore alone',
    hint: 'what `vif = [ … ]` names when a guest is created is a card on QEMU’s own network',
  };
  return [...(forwarddev === null ? [] : [colo]), ...(host === 'embedded' ? [embedded] : [])];
}
