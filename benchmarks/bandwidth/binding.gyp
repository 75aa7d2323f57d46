{
  # Built by the benchmark on the machine that it runs on and for it alone, hence -march=native. The
  # package's install does not build it.
  'targets': [
    {
      'target_name': 'bandwidth',
      'sources': ['bandwidth.cc'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      'defines': ['NAPI_VERSION=8', 'NAPI_DISABLE_CPP_EXCEPTIONS'],
      'cflags!': ['-O2', '-O3'],
      'cflags': ['-O3', '-march=native', '-Wall', '-Wextra'],
      'cflags_cc': ['-std=c++17'],
      'conditions': [
        ['OS=="linux"', { 'cflags': ['-fopenmp'], 'ldflags': ['-fopenmp'] }],
      ],
    },
  ],
}
