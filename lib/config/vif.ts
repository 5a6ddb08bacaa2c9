/** A network interface as the user asked for it (`libxl_device_nic`), before any default; `null` is "not said". */
export interface Vif {
  /** The place in the `vif` list, or what `devid=` says. */
  readonly devid: number;
  /** Lower case, with colons. */
  readonly mac: string | null;
  readonly bridge: string | null;
  readonly gatewaydev: string | null;
  /** `ioemu` puts an emulated card in front of the PV interface. */
  readonly type: 'vif' | 'ioemu' | null;
  /** The emulated card, as QEMU names it. */
  readonly model: string | null;
  readonly ifname: string | null;
  readonly script: string | null;
  readonly ip: string | null;
  readonly backendDomname: string | null;
  readonly rate: VifRate | null;
  readonly mtu: number | null;
  readonly trusted: boolean | null;
}

/** Credit of bytes that an interface may send in each interval. */
export interface VifRate {
  readonly bytesPerInterval: bigint;
  readonly intervalUsecs: number;
}
