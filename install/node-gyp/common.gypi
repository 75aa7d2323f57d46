# What node-gyp wants of a folder with Node's headers, where the headers are those of the package
# node-api-headers: binding.gyp has all other settings. install/toolchain.js names this folder.
{
  'target_defaults': {
    'default_configuration': 'Release',
    'configurations': {
      'Debug': { 'defines': ['DEBUG', '_DEBUG'], 'cflags': ['-g', '-O0'] },
      'Release': {},
    },
  },
}
