#!/usr/bin/env node
// Starts xl-main.cjs with the code that V8 compiled when it was built: that halves what a start costs over bare Node.
// A cache of another V8, or none at all, only means a slower start.
/* eslint-disable @typescript-eslint/no-require-imports -- CommonJS is what this file is for: it starts faster */
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const file = path.join(__dirname, 'xl-main.cjs');
const cacheFile = path.join(__dirname, 'xl-main.cache');
// The build writes ASCII only; one byte a character is what V8 keeps then.
const source = `(function (exports, require, module, __filename, __dirname) {${fs.readFileSync(file, 'latin1')}\n})`;
const script = new vm.Script(source, { filename: file, cachedData: readCache() });
const program = { exports: {} };
script.runInThisContext()(program.exports, require, program, file, __dirname);

if (process.env.XL_WRITE_CODE_CACHE === '1') {
  process.once('exit', () => fs.writeFileSync(cacheFile, script.createCachedData()));
}

function readCache() {
  try {
    return fs.readFileSync(cacheFile);
  } catch {
    return undefined;
  }
}
