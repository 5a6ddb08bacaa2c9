/** An option and its argument a line, as the recordings have them. */
export function optionLines(words: readonly string[]): string[] {
  const lines: string[] = [];
  for (const word of words) {
    if (word.startsWith('-')) lines.push(word);
    else lines.push(`${lines.pop() ?? ''} ${word}`);
  }
  return lines;
}
