import { afterEach, beforeEach, expect } from 'vitest';
import { openXen, type Xen } from '../../../lib/host/xen/version.ts';
import { FakeXen } from './fake-xen.ts';

/** A pretend Xen for each test of a file. */
export interface OnFakeXen {
  readonly fake: FakeXen;
  readonly xen: Xen;
  /** Another one, which speaks these versions. */
  reopen(versions: { readonly domctl: number; readonly sysctl: number }): Promise<void>;
}

/** Opens a pretend Xen before each test, and holds after each that all its memory and files were given back. */
export function onFakeXen(): OnFakeXen {
  let fake: FakeXen;
  let xen: Xen;
  const open = async (versions?: { readonly domctl: number; readonly sysctl: number }) => {
    fake = new FakeXen(versions);
    xen = await openXen(fake);
    // What it took to find the versions is another test's matter.
    fake.calls.length = 0;
  };
  beforeEach(() => open());
  afterEach(() => {
    xen.close();
    expect([fake.opened.size, fake.mappings.size]).toEqual([0, 0]);
  });
  return {
    get fake() {
      return fake;
    },
    get xen() {
      return xen;
    },
    reopen: async (versions) => {
      xen.close();
      await open(versions);
    },
  };
}
