import { resolve } from 'node:path';
import { Command } from 'commander';

async function seal(folders: readonly string[]): Promise<void> {
  const { sealLogs } = await import('../experiments/runner/seal-logs.js');
  for (const folder of folders) {
    const { sealed, before } = sealLogs(resolve(folder));
    console.log(`${folder}: ${sealed} logs sealed now, ${before} had been.`);
  }
}

/** `tfjs-alig seal`: hashes for logs that were made before logs had them. */
export function sealCommand(): Command {
  return new Command('seal')
    .description(
      "check the logs of an experiment's finished runs that were made before logs had hashes, and " +
        'add the hashes',
    )
    .argument('<folders...>', "the experiment's output folder, or several")
    .action(seal);
}
