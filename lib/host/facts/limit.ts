/** Maps in parallel, at most `count` at a time; results in the items' order. The first failure rejects. */
export async function mapLimited<Item, Result>(
  items: readonly Item[],
  count: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < items.length) {
      const index = next;
      next += 1;
      results[index] = await map(items[index]!);
    }
  };
  await Promise.all(Array.from({ length: Math.min(count, items.length) }, work));
  return results;
}
