/** The last rank says that it runs another version of the package. */
import { addonState } from '../../../lib/platform/addon.js';
import { Ranks } from '../../../lib/mpi/ranks.js';
import { tell } from '../../support/mpirun.js';

const { addon } = addonState();
const { rank, size } = addon!.mpiOpen();
try {
  new Ranks(addon!, rank, size, 60).start(rank === size - 1 ? '0.0.1' : '0.0.2');
  tell(rank, 'started');
} catch (error) {
  tell(rank, (error as Error).message);
}
addon!.mpiFinalize();
