// What the process writes to its standard error, held back for a while.
#ifndef TFJS_ALIG_NODE_STANDARD_ERROR_H_
#define TFJS_ALIG_NODE_STANDARD_ERROR_H_

#include <string>

namespace tfjs_alig {

// From now on the whole process writes into a file without a name. False, and nothing has changed,
// where it is held already, can't be, or on Windows.
bool holdStandardError();

// Ends that and returns what was written; empty where nothing was held.
std::string releaseStandardError();

}  // namespace tfjs_alig

#endif  // TFJS_ALIG_NODE_STANDARD_ERROR_H_
