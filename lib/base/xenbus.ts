/** States of the xenbus handshake as they stand in the store (xen/include/public/io/xenbus.h). */
export const XenbusState = {
  Unknown: '0',
  Initialising: '1',
  InitWait: '2',
  Initialised: '3',
  Connected: '4',
  Closing: '5',
  Closed: '6',
  Reconfiguring: '7',
  Reconfigured: '8',
} as const;

const NAMES = new Map<string, string>(Object.entries(XenbusState).map(([name, value]) => [value, name]));

/** A `state` node for people: `2 InitWait`. What a guest may have written there instead is not repeated. */
export function describeXenbusState(state: string | null): string {
  if (state === null) return 'gone';
  const name = NAMES.get(state);
  return name === undefined ? 'no known one' : `${state} ${name}`;
}
