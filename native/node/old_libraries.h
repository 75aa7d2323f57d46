// Force-included into every source of a prebuilt add-on for glibc, never into a build from source.
//
// NOTE [glibc of the prebuilt add-on]
// A linker takes the newest version of each symbol that the machine's own libraries have, and glibc
// 2.34 gave a new one to all that moved from libpthread and libdl into libc, at unchanged
// behaviour. So an add-on linked on Debian 12 would not load on an older system that runs the same
// Node. The lines below ask for the first version of these symbols; what is left needs glibc 2.17
// and the libstdc++ of GCC 6, and Node 20 itself needs glibc 2.28. A static libstdc++ is no way
// out: Debian 12's brings arc4random (glibc 2.36) and _dl_find_object (2.35), and 0.9 MB.
// install/prebuild.js checks the versions of what it has linked.
#ifndef TFJS_ALIG_NODE_OLD_LIBRARIES_H_
#define TFJS_ALIG_NODE_OLD_LIBRARIES_H_

#if defined(__x86_64__)
#define TFJS_ALIG_FIRST_GLIBC "GLIBC_2.2.5"
#elif defined(__aarch64__)
#define TFJS_ALIG_FIRST_GLIBC "GLIBC_2.17"
#else
#error "the first version of glibc on this architecture is not known here"
#endif

#define TFJS_ALIG_FIRST_VERSION(symbol) \
  __asm__(".symver " #symbol ", " #symbol "@" TFJS_ALIG_FIRST_GLIBC)
TFJS_ALIG_FIRST_VERSION(dladdr);
TFJS_ALIG_FIRST_VERSION(dlerror);
TFJS_ALIG_FIRST_VERSION(dlopen);
TFJS_ALIG_FIRST_VERSION(dlsym);
TFJS_ALIG_FIRST_VERSION(pthread_mutex_trylock);
#undef TFJS_ALIG_FIRST_VERSION
#undef TFJS_ALIG_FIRST_GLIBC

// std::condition_variable::wait, which GCC 12 marked anew.
__asm__(
    ".symver _ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE, "
    "_ZNSt18condition_variable4waitERSt11unique_lockISt5mutexE@GLIBCXX_3.4.11");

#endif  // TFJS_ALIG_NODE_OLD_LIBRARIES_H_
