/** The number in a node that a guest writes, for a list: -1 where it is missing or no number, as libxl has it. */
export const nodeNumber = (value: string | null): number =>
  value !== null && /^\d{1,10}$/.test(value) ? Number(value) : -1;
