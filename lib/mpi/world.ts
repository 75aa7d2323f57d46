import { mpiPackages } from '#mpi-engine';
import { addonState } from '../platform/addon.js';
import { commandLine } from '../platform/package-manager.js';
import { packageVersion } from '../platform/version.js';
import { Ranks } from './ranks.js';

const owner = 'tfjs-alig/mpi';

const remedy =
  `On Debian and Ubuntu: apt install ${mpiPackages}, then ${commandLine('build')}. ` +
  `${commandLine('doctor')} says what is missing.`;

const defaultSeconds = 600;

function timeoutOfEnvironment(): number {
  const { TFJS_ALIG_MPI_TIMEOUT: given } = process.env;
  if (given === undefined || given === '') return defaultSeconds;
  const seconds = Number(given);
  if (Number.isFinite(seconds) && seconds > 0) return seconds;
  throw new RangeError(
    `TFJS_ALIG_MPI_TIMEOUT must be a positive number of seconds, not '${given}'.`,
  );
}

/**
 * Starts MPI, once a process, and returns all processes that mpirun has started with this one.
 *
 * @throws Error where MPI, the MPI engine or the add-on is missing, with what to install, and where
 * another rank runs another version of the package.
 */
export function openWorld(): Ranks {
  const seconds = timeoutOfEnvironment();
  const state = addonState();
  if (!state.addon) {
    throw new Error(`${owner} needs the native add-on. ${state.report}`);
  }
  const { addon } = state;
  const { problem } = addon.getMpiLibrary();
  if (problem !== null) {
    const missing = /cannot open shared object file/.test(problem);
    throw new Error(
      `${owner}: ${missing ? 'MPI or the MPI engine is missing' : 'the MPI engine does not load'} ` +
        `(${problem}). ${remedy}`,
    );
  }
  const { rank, size } = addon.mpiOpen();
  const ranks = new Ranks(addon, rank, size, seconds);
  let reason: string | undefined;
  process.on('uncaughtExceptionMonitor', (error) => {
    reason = String(error);
  });
  process.once('exit', (exitCode) => {
    ranks.exit(exitCode, reason);
  });
  ranks.start(packageVersion);
  return ranks;
}
