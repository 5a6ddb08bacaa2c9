// The few forms of man/*.md as man(7) macros:
//   # name(5) Title of the manual      the page's head, on the first line
//   ## SECTION, ### Subsection
//   term, and under it a line `:   text`   a definition; further lines of the text are indented by four
//   - item
//   ``` … ```                          an example, shown as it stands
//   >> … <<                            a part that is indented
//   `code` bold, *word* italic, a blank line between blocks

/** A page's text as roff, with the name and section that its first line gives. */
export function toRoff(text, { version }) {
  const [head, ...lines] = text.split('\n');
  const match = /^# (\S+)\((\d)\) (.+)$/.exec(head);
  if (match === null) throw new Error(`a manual page begins with "# name(section) Title", not with ${head}`);
  const [, name, section, title] = match;
  const out = [
    `.TH ${quoted(name.toUpperCase())} ${section} "" ${quoted(`xl-ts ${version}`)} ${quoted(title)}`,
    // Neither hyphens in words nor blanks between them that somebody would copy.
    '.nr HY 0',
    '.nh',
    '.ad l',
    ...blocksOf(lines).flatMap(blockToRoff),
  ];
  return { name, section, roff: `${out.join('\n')}\n` };
}

/** Runs of lines between blank ones; an example is one block, blank lines and all. */
function blocksOf(lines) {
  const blocks = [];
  let block = [];
  let inExample = false;
  for (const line of lines) {
    if (line.startsWith('```')) inExample = !inExample;
    if (line.trim() === '' && !inExample) {
      if (block.length > 0) blocks.push(block);
      block = [];
    } else {
      block.push(line);
    }
  }
  return block.length > 0 ? [...blocks, block] : blocks;
}

function blockToRoff(block) {
  const [first, ...rest] = block;
  if (first.startsWith('### ')) return [`.SS ${inline(first.slice(4))}`, ...(rest.length > 0 ? blockToRoff(rest) : [])];
  if (first.startsWith('## ')) return [`.SH ${inline(first.slice(3))}`, ...(rest.length > 0 ? blockToRoff(rest) : [])];
  if (first.startsWith('```')) return ['.PP', '.RS 4', '.EX', ...block.slice(1, -1).map(verbatim), '.EE', '.RE'];
  if (first === '>>') return ['.RS'];
  if (first === '<<') return ['.RE'];
  if (first.startsWith('- ')) return itemsOf(block).flatMap((item) => ['.IP \\(bu 2', ...prose(item)]);
  const definition = rest.findIndex((line) => line.startsWith(':   '));
  if (definition >= 0) {
    const terms = block.slice(0, definition + 1);
    const body = rest.slice(definition).map((line) => line.replace(/^(:   | {4})/, ''));
    return ['.TP', ...terms.map(inline).map((term, index) => (index === 0 ? term : `.TQ\n${term}`)), ...prose(body)];
  }
  return ['.PP', ...prose(block)];
}

/** `- ` items, each with the indented lines that go on with it. */
function itemsOf(block) {
  const items = [];
  for (const line of block) {
    if (line.startsWith('- ')) items.push([line.slice(2)]);
    else items.at(-1).push(line.trim());
  }
  return items;
}

/** Each sentence on a line of its own, so that roff spaces them and a changed one is a changed line. */
const prose = (lines) =>
  lines
    .join(' ')
    .split(/(?<=[.!?]) (?=[A-Z`*"])/)
    .map(inline);

/** `code` and *words*, with what roff would take for its own escaped. */
function inline(text) {
  const pieces = text.trim().split(/(`[^`]+`|\*[^*\s][^*]*\*)/);
  const roff = pieces.map((piece) => {
    if (/^`.+`$/.test(piece)) return `\\fB${literal(piece.slice(1, -1))}\\fR`;
    if (/^\*.+\*$/.test(piece)) return `\\fI${escaped(piece.slice(1, -1))}\\fR`;
    return escaped(piece);
  });
  return guarded(roff.join(''));
}

const verbatim = (line) => guarded(literal(line));

/** A line that begins with a control character is none. */
const guarded = (line) => (/^[.']/.test(line) ? `\\&${line}` : line);

const escaped = (text) =>
  text.replaceAll('\\', '\\e').replaceAll('…', '...').replaceAll('—', '\\(em').replaceAll('–', '\\(en');

/** Text to be typed: quotes and dashes as they are on the keyboard. */
const KEYBOARD = { '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti', '"': '\\(dq' };
const literal = (text) => escaped(text).replace(/[-'`^~"]/g, (character) => KEYBOARD[character]);

const quoted = (text) => `"${text.replaceAll('"', '\\(dq')}"`;
