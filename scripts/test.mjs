// `npm test`: sets the machine up, builds, checks the types, runs every test, and ends with the line `N passed, N failed`,
// counted from vitest's own report. Words after `npm test --` go to vitest: a file, a -t pattern.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name) => join(root, 'node_modules/.bin', name);

function run(title, command, ...words) {
  process.stderr.write(`${title} …\n`);
  const { status } = spawnSync(command, words, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
  return status === 0;
}

/** Counts from a report in vitest's JSON form; a file that could not even be loaded counts as one failure. */
function countsOf(report) {
  const { testResults = [] } = report;
  const brokenFiles = testResults.filter(
    ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
  );
  return { passed: report.numPassedTests ?? 0, failed: (report.numFailedTests ?? 0) + brokenFiles.length };
}

function vitest(words) {
  const directory = mkdtempSync(join(tmpdir(), 'xl-ts-report-'));
  const reportFile = join(directory, 'report.json');
  try {
    const ok = run(
      'tests',
      bin('vitest'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
      ...words,
    );
    const counts = countsOf(JSON.parse(readFileSync(reportFile, 'utf8')));
    // Vitest also fails on an error outside any test, which no count shows.
    return ok || counts.failed > 0 ? counts : { ...counts, failed: 1 };
  } catch (error) {
    process.stderr.write(`no report of the tests: ${error.message}\n`);
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const ready =
  run('setup', 'sh', join(root, 'scripts/setup.sh'), 'test') &&
  run('build', process.execPath, join(root, 'scripts/build.mjs')) &&
  run('types', bin('tsc'), '-p', '.');
const counts = ready ? vitest(process.argv.slice(2)) : { passed: 0, failed: 1 };
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
