import { XlError } from '../../base/error.ts';
import type { Ports, Store, StoreView } from '../../run/ports.ts';

/** One call of a port, as it came. `method` is `PORT.METHOD`: `store.write`, `view.read` inside a transaction. */
export interface PortCall {
  /** Counts from 0 over all ports but the clock. */
  readonly index: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

/** One port call that fails, once. */
export interface Fault {
  readonly failAt: number | ((call: PortCall) => boolean);
  /** `before`: the call does nothing. `after`: it is done, and its answer is lost. */
  readonly when: 'before' | 'after';
}

/** The ports with every call recorded in `calls`, and one of them failing where a fault is given. */
export function watchedPorts(ports: Ports, calls: PortCall[], fault: Fault | null, busy: () => void): Ports {
  let spent = fault === null;
  const strikes = (call: PortCall): boolean => {
    if (spent || fault === null) return false;
    spent = typeof fault.failAt === 'number' ? call.index === fault.failAt : fault.failAt(call);
    return spent;
  };
  const gate: Gate = async (method, args, work) => {
    const call = { index: calls.length, method, args };
    calls.push(call);
    busy();
    const struck = strikes(call);
    if (struck && fault?.when === 'before') throw injected(call);
    const result = await work();
    busy();
    if (struck) throw injected(call);
    return result;
  };
  return {
    clock: ports.clock,
    hypervisor: gated('hypervisor', ports.hypervisor, gate),
    processes: gated('processes', ports.processes, gate),
    blocks: gated('blocks', ports.blocks, gate),
    files: gated('files', ports.files, gate),
    monitors: gated('monitors', ports.monitors, gate),
    store: gatedStore(ports.store, gate),
  };
}

type Gate = <T>(method: string, args: readonly unknown[], work: () => Promise<T>) => Promise<T>;

const injected = ({ index, method }: PortCall): XlError =>
  new XlError('injected-fault', `call ${index}, ${method}, failed on demand`);

/** Every method of a port goes through the gate. All of them answer with promises. */
function gated<Port extends object>(name: string, port: Port, gate: Gate): Port {
  return new Proxy(port, {
    get: (target, key) => {
      const method: unknown = Reflect.get(target, key);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) =>
        gate(`${name}.${String(key)}`, args, () => Reflect.apply(method, target, args) as Promise<unknown>);
    },
  });
}

function gatedStore(store: Store, gate: Gate): Store {
  return {
    ...gatedView('store', store, gate),
    introduce: (domid, gfn, port) =>
      gate('store.introduce', [domid, gfn, port], () => store.introduce(domid, gfn, port)),
    release: (domid) => gate('store.release', [domid], () => store.release(domid)),
    transaction: (body, options) =>
      gate('store.transaction', [], () => store.transaction((view) => body(gatedView('view', view, gate)), options)),
    watch: (path, options) => gatedWatch(store, path, options, gate),
  };
}

function gatedView(name: string, view: StoreView, gate: Gate): StoreView {
  return {
    read: (path) => gate(`${name}.read`, [path], () => view.read(path)),
    directory: (path) => gate(`${name}.directory`, [path], () => view.directory(path)),
    getPerms: (path) => gate(`${name}.getPerms`, [path], () => view.getPerms(path)),
    write: (path, value) => gate(`${name}.write`, [path, value], () => view.write(path, value)),
    mkdir: (path) => gate(`${name}.mkdir`, [path], () => view.mkdir(path)),
    rm: (path) => gate(`${name}.rm`, [path], () => view.rm(path)),
    setPerms: (path, perms) => gate(`${name}.setPerms`, [path, perms], () => view.setPerms(path, perms)),
  };
}

async function* gatedWatch(
  store: Store,
  path: string,
  options: { signal: AbortSignal },
  gate: Gate,
): AsyncGenerator<string> {
  await gate('store.watch', [path], () => Promise.resolve());
  yield* store.watch(path, options);
}
