/** Every hypercall that a toolstack makes, as a function of the hypervisor and plain values. */
export * from './hypercalls-cpu-policy.ts';
export * from './hypercalls-domain.ts';
export * from './hypercalls-guest.ts';
export * from './hypercalls-host.ts';
export * from './hypercalls-memory.ts';
export * from './hypercalls-vcpu.ts';
