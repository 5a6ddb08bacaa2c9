// The tables of the manual, as text in the form of man/*.md.

const TYPES = {
  string: '*STRING*',
  integer: '*NUMBER*',
  boolean: '*BOOLEAN*',
  enum: '*WORD*',
  list: '[ *STRING*, ... ]',
  'list-of-lists': '[ [ *STRING*, ... ], ... ]',
  'string-or-list': '*STRING* or [ *STRING*, ... ]',
  'boolean-or-enum': '*BOOLEAN* or *WORD*',
  'boolean-or-list': '*BOOLEAN* or [ *WORD*, ... ]',
};
const UNITS = { us: 'microseconds', s: 'seconds' };
const ALL_GUESTS = 3;
const LARGEST = 2_147_483_647;

/** Every key by its group: the shape of its value, what it is for, and what else the table knows. */
export function keysText(groups) {
  return groups
    .map(({ title, rows }) => {
      const entries = rows.every(isForgotten) ? namesOnly(rows) : rows.map(keyText).join('\n');
      return `### ${title}\n\n${entries}`;
    })
    .join('\n');
}

const isForgotten = ({ support, deprecated }) => support === 'ignored' && deprecated === undefined;

const namesOnly = (rows) => `${rows[0].doc} Known, so that nobody takes them for misspelt: ${names(rows)}.\n`;
const names = (rows) => rows.map(({ name }) => `\`${name}\``).join(', ');

function keyText(row) {
  const notes = [
    row.doc,
    row.values && `One of ${row.values.map((word) => `\`${word}\``).join(', ')}.`,
    defaultOf(row),
    row.range && rangeOf(row),
    row.guests.length < ALL_GUESTS && `For ${row.guests.map((guest) => guest.toUpperCase()).join(' and ')} guests.`,
    row.arch === 'arm' && 'On Arm only.',
    row.numbers === 'deprecated' && "A word's number, counted from 0, is an old form of it.",
    row.numbers === 'welcome' && "A word's number, counted from 0, will do as well.",
    row.since && `Xen has it since ${row.since}.`,
    row.deprecated && `An old key: write ${row.deprecated}.`,
    row.support === 'not-yet' && '*Not supported yet.*',
    row.support === 'ignored' && '*Ignored.*',
    row.see && `See ${row.see.map((other) => `\`${other}\``).join(', ')}.`,
  ];
  const unit = row.unit && row.unit !== 'port' ? ` ${UNITS[row.unit] ?? row.unit}` : '';
  return `\`${row.name}\` = ${TYPES[row.type]}${unit}\n:   ${notes.filter(Boolean).join(' ')}\n`;
}

function defaultOf({ default: value, otherwise, unit }) {
  if (otherwise !== undefined) return `Default: ${otherwise}.`;
  if (value === undefined) return undefined;
  if (typeof value === 'boolean') return `Default: \`${value ? 1 : 0}\`.`;
  return `Default: \`${value}\`${typeof value === 'number' && unit ? ` ${unit}` : ''}.`;
}

/** The end of 32 bits is no limit that anybody would look up. */
function rangeOf({ range: [least, greatest] }) {
  return greatest < LARGEST ? `From ${least} to ${greatest}.` : undefined;
}

/** Every command with its options, those of xl first. */
export function commandsText(commands) {
  const shown = Object.entries(commands).filter(([, { hidden }]) => hidden !== true);
  const section = (title, entries) => `### ${title}\n\n${entries.map(commandText).join('\n')}`;
  return [
    section(
      'Commands of xl',
      shown.filter(([, { ours }]) => ours !== true),
    ),
    section(
      'Commands beyond xl',
      shown.filter(([, { ours }]) => ours === true),
    ),
  ].join('\n');
}

function commandText([name, { synopsis, summary, description, options }]) {
  const operands = synopsis.replace(/[A-Za-z]+(?=[>\]])/g, (word) => (word === 'options' ? word : `*${word}*`));
  const own = options.filter(({ hidden }) => hidden !== true);
  const text = `\`${name}\` ${operands.replaceAll('<', '').replaceAll('>', '')}`.trimEnd();
  const more = description === undefined ? '' : ` ${description}`;
  const list = own.length === 0 ? '' : `\n>>\n\n${optionsText(own)}\n<<\n`;
  return `${text}\n:   ${summary}.${more}\n${list}`;
}

/** Options as a list of what they do. */
export function optionsText(options) {
  return options
    .map(({ name, letter, aliases = [], value, summary }) => {
      const operand = value === undefined ? '' : ` *${typeof value === 'string' ? value : value.join('|')}*`;
      const spellings = [letter && `-${letter}`, `--${name}`, ...aliases.map((alias) => `--${alias}`)];
      return `${spellings
        .filter(Boolean)
        .map((spelling) => `\`${spelling}\``)
        .join(', ')}${operand}\n:   ${summary}\n`;
    })
    .join('\n');
}
