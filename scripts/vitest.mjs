// Runs vitest and counts, from its own report, how many tests passed and failed.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');

/** `reporter` is what people see: vitest's `default`, or `verbose` with a line for each test. */
export async function runVitest(words, { reporter = 'default' } = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-report-'));
  const reportFile = join(directory, 'report.json');
  try {
    const status = await run(
      process.execPath,
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      `--reporter=${reporter}`,
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
      ...words,
    );
    const counts = countsOf(JSON.parse(readFileSync(reportFile, 'utf8')));
    // Vitest also fails on an error outside any test, which no count shows.
    return status === 0 || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } catch (error) {
    process.stderr.write(`no report of the tests: ${error.message}\n`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The last line of what `npm test` and its like say, and their exit status. */
export function report({ passed, failed }) {
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

/** Runs a command in the project to its end, passing on to it what would end us; its exit status. */
export function run(command, ...words) {
  const child = spawn(command, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  const passOn = (signal) => child.kill(signal);
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) process.on(signal, passOn);
  return new Promise((resolve) => {
    const end = (status) => {
      for (const signal of signals) process.off(signal, passOn);
      resolve(status);
    };
    child.once('error', () => end(null));
    child.once('close', end);
  });
}

/** Counts from a report in vitest's JSON form; a file that could not even be loaded counts as one failure. */
function countsOf(json) {
  const { testResults = [] } = json;
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  return { passed: json.numPassedTests ?? 0, failed: (json.numFailedTests ?? 0) + brokenFiles.length };
}
