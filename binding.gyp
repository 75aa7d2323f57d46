{
  'variables': {
    # install/toolchain.js names the running Node, which need not be on the PATH.
    'node_executable%': 'node',
    # 1 for a prebuilt add-on that also has to load where glibc is older than here.
    'old_libraries%': 0,
  },
  # The numeric contract (docs/numeric-contract.md) rests on these flags: no fused multiply-add by
  # the compiler's own choice and no -march=native. An instruction set's flags go to its own file
  # alone, and the best set that the machine has is chosen at run time.
  'target_defaults': {
    'include_dirs': ['native'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags': ['-O3', '-fPIC', '-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math', '-Wall', '-Wextra'],
    'cflags_cc': ['-std=c++17'],
    'xcode_settings': {
      'GCC_ENABLE_CPP_EXCEPTIONS': 'YES',
      'CLANG_CXX_LANGUAGE_STANDARD': 'c++17',
      'GCC_OPTIMIZATION_LEVEL': '3',
      'OTHER_CFLAGS': ['-ffp-contract=off', '-fno-math-errno', '-fno-trapping-math'],
    },
    'msvs_settings': {
      'VCCLCompilerTool': { 'ExceptionHandling': 1, 'AdditionalOptions': ['/std:c++17', '/fp:precise'] },
    },
    'conditions': [
      ['OS=="linux"', { 'cflags': ['-pthread'], 'ldflags': ['-pthread'] }],
      ['old_libraries==1', {
        'cflags_cc': ['-include', '<(module_root_dir)/native/node/old_libraries.h'],
      }],
    ],
  },
  'targets': [
    {
      'target_name': 'tfjs_alig',
      'sources': ['<!@("<(node_executable)" -p "require(\'fs\').readFileSync(\'native/sources.txt\', \'utf8\')")'],
      'include_dirs': [
        '<!("<(node_executable)" -p "require(\'node-addon-api\').include_dir")',
        # Relative, because make cannot have a space in an absolute one.
        '<!("<(node_executable)" -p "require(\'path\').relative(\'.\', require(\'node-api-headers\').include_dir)")',
      ],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_CPP_EXCEPTIONS',
        'TFJS_ALIG_VERSION="<!("<(node_executable)" -p "require(\'./package.json\').version")"',
      ],
      'conditions': [
        ['target_arch=="x64" and OS!="win"', {
          'defines': ['TFJS_ALIG_X86'],
          'dependencies': ['kernels_avx2', 'kernels_avx512'],
        }],
        ['OS=="linux"', { 'libraries': ['-ldl'] }],
        ['old_libraries==1', {
          'sources': ['native/node/old_libraries.cc'],
          'ldflags': ['-Wl,--version-script=<(module_root_dir)/native/node/exports.map'],
        }],
      ],
    },
  ],
  'conditions': [
    ['target_arch=="x64" and OS!="win"', {
      'targets': [
        {
          'target_name': 'kernels_avx2',
          'type': 'static_library',
          'sources': ['native/cpu/kernels_avx2.cc'],
          'cflags': ['-mavx2', '-mfma'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx2', '-mfma'] },
        },
        {
          'target_name': 'kernels_avx512',
          'type': 'static_library',
          'sources': ['native/cpu/kernels_avx512.cc'],
          'cflags': ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mfma', '-mprefer-vector-width=512'],
          'xcode_settings': { 'OTHER_CFLAGS': ['-mavx512f', '-mavx512dq', '-mavx512vl', '-mfma'] },
        },
      ],
    }],
  ],
}
