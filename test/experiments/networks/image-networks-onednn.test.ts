/** The recorded networks for images as the experiments run them. */
import '../../support/onednn-on.js';

import { testRecorded } from './recorded-images.js';

// In the deep ones of the published sizes a relu's sign nearly always depends on oneDNN's rounding.
testRecorded(({ n_params: parameters }) => parameters < 500_000);
