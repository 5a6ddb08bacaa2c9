import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { encodeStrings, messageName, MessageType, wireStrings, wireText } from '../../lib/xenstore/codec.ts';
import type { MessageName } from '../../lib/xenstore/codec.ts';
import { StoreServerCore } from '../../lib/xenstore/store/core.ts';
import type { StoreConnection } from '../../lib/xenstore/store/connection.ts';

let core: StoreServerCore;
let toolstack: StoreConnection;
beforeEach(() => {
  core = new StoreServerCore();
  toolstack = core.connect({ domid: 0 });
});

/** One request to its end: the reply's strings, or the error's name; events that came along are left in the outbox. */
function ask(
  connection: StoreConnection,
  op: MessageName,
  strings: readonly string[],
  transactionId = 0,
): string[] | string {
  const payload = op === 'WRITE' ? Buffer.from(strings.join('\0')) : encodeStrings(strings);
  connection.handle({ type: MessageType[op], requestId: 9, transactionId, payload });
  const packets = connection.take();
  const reply = packets.find(({ type }) => type !== MessageType.WATCH_EVENT)!;
  events.push(
    ...packets.filter(({ type }) => type === MessageType.WATCH_EVENT).map(({ payload: at }) => wireStrings(at)[0]!),
  );
  if (reply.type === MessageType.ERROR) return wireStrings(reply.payload)[0]!;
  return op === 'READ' ? [wireText(reply.payload)] : wireStrings(reply.payload);
}

let events: string[] = [];
beforeEach(() => {
  events = [];
});

const start = (connection: StoreConnection): number => Number(ask(connection, 'TRANSACTION_START', [''])[0]);

function guest(domid: number, ...owned: string[]): StoreConnection {
  core.introduce(domid);
  for (const path of owned) {
    ask(toolstack, 'MKDIR', [path]);
    ask(toolstack, 'SET_PERMS', [path, `n${domid}`]);
  }
  return core.connect({ domid });
}

describe('transactions', () => {
  test('two that add children to one parent: the second answers EAGAIN', () => {
    const [one, two] = [start(toolstack), start(toolstack)];
    ask(toolstack, 'WRITE', ['/a', '1'], one);
    ask(toolstack, 'WRITE', ['/b', '2'], two);
    expect(ask(toolstack, 'TRANSACTION_END', ['T'], one)).toEqual(['OK']);
    expect(ask(toolstack, 'TRANSACTION_END', ['T'], two)).toBe('EAGAIN');
    expect(ask(toolstack, 'READ', ['/b'])).toBe('ENOENT');
  });

  test('what was not looked at may change', () => {
    const id = start(toolstack);
    ask(toolstack, 'READ', ['/tool'], id);
    ask(toolstack, 'WRITE', ['/tool/xenstored', 'other']);
    expect(ask(toolstack, 'TRANSACTION_END', ['T'], id)).toEqual(['OK']);
  });

  test('a guest’s that touches more nodes than it may is refused at the commit', () => {
    core = new StoreServerCore({ quota: { transactionNodes: 10 } });
    toolstack = core.connect({ domid: 0 });
    const domain = guest(5, '/g');
    const id = start(domain);
    const answers = Array.from({ length: 12 }, (_, index) => ask(domain, 'READ', [`/g/${index}`], id));
    expect(answers.indexOf('ENOSPC')).toBe(9);
    expect(ask(domain, 'TRANSACTION_END', ['T'], id)).toBe('ENOMEM');
  });

  test('a guest that gathers more nodes than it may own is refused at the commit', () => {
    core = new StoreServerCore({ quota: { nodes: 20 } });
    toolstack = core.connect({ domid: 0 });
    const domain = guest(5, '/g');
    const id = start(domain);
    for (let index = 0; index < 30; index++) ask(domain, 'WRITE', [`/g/${index}`, ''], id);
    expect(ask(domain, 'TRANSACTION_END', ['T'], id)).toBe('ENOSPC');
    expect(ask(domain, 'DIRECTORY', ['/g'])).toEqual([]);
  });

  test('a node that would grow too big spoils a guest’s, though the node stays as it was', () => {
    const domain = guest(5, '/g');
    const id = start(domain);
    expect(ask(domain, 'WRITE', ['/g', 'v'.repeat(3000)], id)).toBe('ENOSPC');
    expect(ask(domain, 'READ', ['/g'], id)).toEqual(['']);
    expect(ask(domain, 'TRANSACTION_END', ['T'], id)).toBe('ENOMEM');
  });

  test('nodes made for a domain that dies before the commit are not left without an owner', () => {
    const alive = new Set([0, 5]);
    core = new StoreServerCore({ domainExists: (domid) => alive.has(domid) });
    toolstack = core.connect({ domid: 0 });
    core.introduce(5);
    const id = start(toolstack);
    ask(toolstack, 'WRITE', ['/a', ''], id);
    ask(toolstack, 'SET_PERMS', ['/a', 'n5'], id);
    alive.delete(5);
    core.release(5);
    expect(ask(toolstack, 'TRANSACTION_END', ['T'], id)).toBe('ENOMEM');
  });
});

describe('domains', () => {
  test('one that dies takes its nodes along, and the permissions that named it', () => {
    const domain = guest(5, '/local/domain/5');
    ask(domain, 'WRITE', ['data/x', 'v']);
    ask(toolstack, 'WRITE', ['/shared', 'v']);
    ask(toolstack, 'SET_PERMS', ['/shared', 'n0', 'r5']);
    expect(ask(domain, 'READ', ['/shared'])).toEqual(['v']);
    core.release(5);
    expect(domain.closed).toBe(true);
    expect(ask(toolstack, 'DIRECTORY', ['/local/domain'])).toEqual([]);
    const successor = guest(5);
    expect(ask(successor, 'READ', ['/shared'])).toBe('EACCES');
    expect(ask(toolstack, 'GET_PERMS', ['/shared'])).toEqual(['n0', 'r5']);
  });

  test('a stub domain has its target’s rights for as long as the target lives', () => {
    const target = guest(5, '/t');
    const stub = guest(6);
    ask(target, 'WRITE', ['/t', 'v']);
    expect(ask(stub, 'READ', ['/t'])).toBe('EACCES');
    expect(ask(toolstack, 'SET_TARGET', ['6', '5'])).toEqual(['OK']);
    expect(ask(stub, 'READ', ['/t'])).toEqual(['v']);
    core.release(5);
    guest(5, '/t');
    expect(ask(stub, 'READ', ['/t'])).toBe('EACCES');
  });

  test('a shutdown is told once, and again after RESUME', () => {
    guest(5);
    ask(toolstack, 'WATCH', ['@releaseDomain', 't']);
    const told = (): number => toolstack.take().length;
    told();
    core.domainShutdown(5);
    core.domainShutdown(5);
    expect(told()).toBe(1);
    ask(toolstack, 'RESUME', ['5']);
    core.domainShutdown(5);
    expect(told()).toBe(1);
  });

  test('a second INTRODUCE drops the domain’s watches and transactions', () => {
    const domain = guest(5, '/g');
    ask(domain, 'WATCH', ['/g', 't']);
    const id = start(domain);
    ask(toolstack, 'INTRODUCE', ['5', '1', '1']);
    expect(ask(domain, 'READ', ['/g'], id)).toBe('ENOENT');
    expect(ask(domain, 'UNWATCH', ['/g', 't'])).toBe('ENOENT');
  });

  test('an unknown domain is not introduced, nor may it own', () => {
    core = new StoreServerCore({ domainExists: (domid) => domid === 0 });
    toolstack = core.connect({ domid: 0 });
    expect(ask(toolstack, 'INTRODUCE', ['5', '1', '1'])).toBe('EINVAL');
    expect(ask(toolstack, 'SET_PERMS', ['/tool', 'n5'])).toBe('ENOENT');
  });

  test('who hears of domains is for the owner of the name to say', () => {
    const [five, six] = [guest(5), guest(6)];
    expect(ask(five, 'SET_PERMS', ['@releaseDomain', 'n5'])).toBe('EACCES');
    expect(ask(toolstack, 'SET_PERMS', ['@nosuch', 'n5'])).toBe('EINVAL');
    expect(ask(toolstack, 'SET_PERMS', ['@releaseDomain', 'n5', 'r6'])).toEqual(['OK']);
    ask(six, 'WATCH', ['@releaseDomain', 't']);
    events = [];
    guest(7);
    core.release(7);
    expect(wireStrings(six.take()[0]!.payload)).toEqual(['@releaseDomain', 't']);
    expect(ask(five, 'SET_PERMS', ['@releaseDomain', 'n5'])).toEqual(['OK']);
  });
});

describe('removal', () => {
  test('of a tree tells watches at removed nodes, and those above of the top alone', () => {
    for (const path of ['/a/b/c', '/a/b/d', '/a/e']) ask(toolstack, 'WRITE', [path, '']);
    for (const path of ['/', '/a/b/c', '/a/e', '/a/nothing']) ask(toolstack, 'WATCH', [path, 't']);
    toolstack.take();
    events = [];
    ask(toolstack, 'RM', ['/a']);
    expect(events).toEqual(['/a/b/c', '/a/e', '/a']);
  });

  test('of a deep tree needs no deep stack', () => {
    const deep = `/d${'/x'.repeat(1000)}`;
    expect(ask(toolstack, 'WRITE', [deep, ''])).toEqual(['OK']);
    expect(ask(toolstack, 'RM', ['/d'])).toEqual(['OK']);
    expect(ask(toolstack, 'DIRECTORY', ['/'])).toEqual(['tool']);
  });
});

describe('hostile guests', () => {
  test('any bytes of any type get one answer, and change nothing that is not theirs', () => {
    const type = fc.oneof(fc.constantFrom(...Object.values(MessageType)), fc.nat({ max: 0xffff_ffff }));
    const text = fc.array(
      fc.constantFrom('/', '/g', '/tool', 'x', '@releaseDomain', '\0', '5', 'n5', 'T', 'r0', '-1', '99'),
    );
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      text.map((parts) => Buffer.from(parts.join(''))),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(type, fc.nat({ max: 3 }), payload), { maxLength: 30 }), (messages) => {
        core = new StoreServerCore();
        toolstack = core.connect({ domid: 0 });
        const domain = guest(5, '/g');
        for (const [kind, transactionId, bytes] of messages) {
          domain.handle({ type: kind, requestId: 77, transactionId, payload: bytes });
          const replies = domain.take().filter(({ requestId }) => requestId === 77);
          expect(replies).toHaveLength(1);
          expect([messageName(kind), 'ERROR']).toContain(messageName(replies[0]!.type));
        }
        expect(ask(toolstack, 'DIRECTORY', ['/'])).toEqual(['tool', 'g']);
        expect(ask(toolstack, 'GET_PERMS', ['/tool'])).toEqual(['n0']);
      }),
      { numRuns: 300 },
    );
  });

  test('watches, transactions, nodes and their sizes end at the quota', () => {
    const domain = guest(5, '/g');
    const watches = Array.from({ length: 200 }, (_, index) => ask(domain, 'WATCH', ['/g', `${index}`]));
    expect(watches.indexOf('E2BIG')).toBe(129);
    const transactions = Array.from({ length: 20 }, () => ask(domain, 'TRANSACTION_START', ['']));
    expect(transactions.indexOf('ENOSPC')).toBe(11);
    expect(ask(domain, 'WRITE', ['/g', 'v'.repeat(2016)])).toBe('ENOSPC');
    expect(ask(domain, 'WRITE', ['/g', 'v'.repeat(2015)])).toEqual(['OK']);
  });
});
