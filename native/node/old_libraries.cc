// Part of a prebuilt add-on for glibc alone, see old_libraries.h.
#include <new>

// What <bits/stl_algobase.h> and its like call since GCC 11; an older libstdc++ has it not. Hidden
// by the linker's version script, so that it serves this add-on alone.
namespace std {
[[noreturn]] void __throw_bad_array_new_length() { throw bad_array_new_length(); }
}  // namespace std
