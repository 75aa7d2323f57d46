{
  # Built by the benchmark on the machine that it runs on and for it alone, hence -march=native. The
  # package's install does not build it.
  'targets': [
    {
      'target_name': 'bandwidth',
      'sources': ['bandwidth.cc', '../../native/cpu/thread_pool.cc'],
      'variables': { 'node_executable%': 'node' },
      'include_dirs': [
        '../../native',
        '<!("<(node_executable)" -p "require(\'node-addon-api\').include_dir")',
        '<!("<(node_executable)" -p "require(\'path\').relative(\'.\', require(\'node-api-headers\').include_dir)")',
      ],
      'defines': ['NAPI_VERSION=8', 'NAPI_CPP_EXCEPTIONS'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
      'cflags': ['-O3', '-march=native', '-fopenmp-simd', '-Wall', '-Wextra'],
      'cflags_cc': ['-std=c++17'],
      'conditions': [
        ['OS=="linux"', { 'cflags': ['-pthread'], 'ldflags': ['-pthread'] }],
      ],
    },
  ],
}
