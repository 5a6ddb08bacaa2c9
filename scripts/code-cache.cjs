// `node code-cache.cjs PROGRAM CACHE`: runs some commands of the built program in this process, and writes what V8
// compiled for them. Which commands is a matter of speed alone: those that people wait for.
/* eslint-disable @typescript-eslint/no-require-imports -- it runs the program as scripts/start.cjs does */
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const [, , file, cache] = process.argv;
const COMMAND_LINES = [
  ['help'],
  ['help', 'create'],
  ['--host', 'xen', 'create', '--dry-run', 'examples/hello-pvh.cfg'],
];

const script = new vm.Script(fs.readFileSync(file, 'latin1'), { filename: file });
for (const words of COMMAND_LINES) {
  process.argv = [process.argv[0], file, ...words];
  const program = { exports: {} };
  script.runInThisContext()(program.exports, require, program, file, path.dirname(file));
}
process.once('exit', () => {
  // A command that fails here (the examples' images may not be made yet) has been compiled all the same.
  process.exitCode = 0;
  fs.writeFileSync(cache, script.createCachedData());
});
