/** Two ranks on one machine as on two: in network namespaces of Linux that a link of limited rate joins. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How mpirun is called: what comes before the number of ranks, and what variables the ranks need. */
export interface Launch {
  readonly file: string;
  readonly flags: readonly string[];
  /** Where rank 0 is reached, and by which device. */
  readonly address: string;
  readonly device: string;
}

// As root in a container, and on fewer cores than ranks.
const mpirunFlags = ['--allow-run-as-root', '--oversubscribe'];

/** Through the memory of this machine. */
export const sharedMemory: Launch = {
  file: 'mpirun',
  flags: mpirunFlags,
  address: '127.0.0.1',
  device: 'lo',
};

const device = 'link0';
const network = '10.99.0';

/**
 * Runs something with a link that lets through so much in each direction.
 *
 * @param rate As tc takes it: 1gbit.
 * @param folder For the script that starts the other side.
 * @throws Error where ip or tc is missing or not allowed: that takes root.
 */
export function withLink<Result>(
  rate: string,
  folder: string,
  run: (launch: Launch) => Result,
): Result {
  const names = [1, 2].map((side) => `tfjs-alig-${process.pid}-${side}`) as [string, string];
  const call = (file: string, ...parameters: string[]) => {
    try {
      execFileSync(file, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (error) {
      const reason = (error as { stderr?: Buffer }).stderr?.toString().trim() ?? String(error);
      throw new Error(
        `A link of ${rate} can't be made: ${file} ${parameters.join(' ')}: ${reason}. It takes Linux, ` +
          'root and the programs ip and tc (on Debian and Ubuntu: apt install iproute2).',
        { cause: error },
      );
    }
  };
  const made: string[] = [];
  try {
    for (const name of names) {
      call('ip', 'netns', 'add', name);
      made.push(name);
    }
    const ends = names.map((name) => ['name', device, 'netns', name]);
    call('ip', 'link', 'add', ...ends[0]!, 'type', 'veth', 'peer', ...ends[1]!);
    names.forEach((name, side) => {
      const inside = (...parameters: string[]) => {
        call('ip', 'netns', 'exec', name, ...parameters);
      };
      inside('ip', 'addr', 'add', `${network}.${side + 1}/24`, 'dev', device);
      inside('ip', 'link', 'set', device, 'up');
      inside('ip', 'link', 'set', 'lo', 'up');
      const limit = ['tbf', 'rate', rate, 'burst', '256kb', 'latency', '50ms'];
      inside('tc', 'qdisc', 'add', 'dev', device, 'root', ...limit);
    });
    // What mpirun takes for a way to another machine, with its address before the command.
    const agent = join(folder, 'other-side');
    const enter = (name: string) => ['netns', 'exec', name, 'unshare', '--uts', 'sh', '-c'];
    const script = `exec ip ${enter(names[1]).join(' ')} "hostname ${names[1]}; $*"`;
    writeFileSync(agent, `#!/bin/sh\nshift\n${script}\n`, { mode: 0o755 });
    const settings = {
      btl: 'tcp,self',
      btl_tcp_if_include: device,
      oob_tcp_if_include: device,
      plm_rsh_agent: agent,
    };
    return run({
      file: 'ip',
      flags: [
        ...[...enter(names[0]), `hostname ${names[0]}; exec mpirun "$@"`, 'mpirun', ...mpirunFlags],
        ...Object.entries(settings).flatMap(([name, value]) => ['--mca', name, value]),
        ...['--host', names.map((_, side) => `${network}.${side + 1}:1`).join(',')],
      ],
      address: `${network}.1`,
      device,
    });
  } finally {
    for (const name of made) call('ip', 'netns', 'del', name);
  }
}
