declare const unit: unique symbol;
type Branded<T, Name extends string> = T & { readonly [unit]: Name };

/** A domain's number, 0 to 0x7fef (`DOMID_FIRST_RESERVED` is 0x7ff0, xen/include/public/xen.h). */
export type Domid = Branded<number, 'Domid'>;
/** A device's number within its domain and kind; for a vbd the encoding of xen-vbd-interface(7). */
export type Devid = Branded<number, 'Devid'>;
/** A size in units of 1024 bytes, as Xen's interfaces count memory. */
export type KiB = Branded<number, 'KiB'>;
/** A size in units of 1024 KiB, as xl.cfg counts memory. */
export type MiB = Branded<number, 'MiB'>;

export const domid = (value: number): Domid => value as Domid;
export const devid = (value: number): Devid => value as Devid;
export const kib = (value: number): KiB => value as KiB;
export const mib = (value: number): MiB => value as MiB;
export const mibToKib = (value: MiB): KiB => kib(value * 1024);
