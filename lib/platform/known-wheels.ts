/**
 * The wheels that are downloaded, each by its SHA-256 on the Python package index: a newer TensorFlow is new
 * hashes here. `pip download --no-deps --only-binary=:all: --python-version 3.11 --platform TAG NAME`
 * with `python3 -m pip hash FILE` gives them.
 */

/** The Python whose wheels are taken; nothing of Python is in what is taken out of them. */
export const pythonTag = '3.11';

export const tensorFlowVersion = '2.21.0';

/**
 * NVIDIA's packages of the extra `and-cuda` of that TensorFlow on x64 (arm64 has no CUDA kernels): the newest
 * versions that it allows. Without nvidia-cuda-nvcc, the compiler that XLA calls: tfjs-node does not use XLA.
 */
export const cudaPackages: Readonly<Record<string, string>> = {
  'nvidia-cublas-cu12': '12.9.3.13',
  'nvidia-cuda-cupti-cu12': '12.9.79',
  'nvidia-cuda-nvrtc-cu12': '12.9.86',
  'nvidia-cuda-runtime-cu12': '12.9.79',
  'nvidia-cudnn-cu12': '9.28.0.42',
  'nvidia-cufft-cu12': '11.4.1.4',
  'nvidia-curand-cu12': '10.3.10.19',
  'nvidia-cusolver-cu12': '11.7.5.82',
  'nvidia-cusparse-cu12': '12.5.10.65',
  'nvidia-nccl-cu12': '2.32.3',
  'nvidia-nvjitlink-cu12': '12.9.86',
};

/** What their wheels are built for; pip takes 2014 for all older tags as well. */
export const cudaPlatformTags = [
  'manylinux_2_27_x86_64',
  'manylinux_2_25_x86_64',
  'manylinux2014_x86_64',
];

/** SHA-256 of each wheel, by its file's name. */
export const wheelHashes: Readonly<Record<string, string>> = {
  'tensorflow_cpu-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl':
    '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c',
  'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_x86_64.whl':
    '9056fbc9ba04235810b71ae6cbd958a196e8804fb53bbcffbf3e23b56155f124',
  'tensorflow-2.21.0-cp311-cp311-manylinux_2_27_aarch64.whl':
    '4b24aca16d527a3cf1c37f720c04c484c3d20f4d0fdfa98632ac8b9f3be6eb5c',
  'nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl':
    'd7d51055f161b317c7105ddaae90e71eda059026074ffef93cf7cde2886bfe72',
  'nvidia_cuda_cupti_cu12-12.9.79-py3-none-manylinux_2_25_x86_64.whl':
    '096bcf334f13e1984ba36685ad4c1d6347db214de03dbb6eebb237b41d9d934f',
  'nvidia_cuda_nvrtc_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl':
    '210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4',
  'nvidia_cuda_runtime_cu12-12.9.79-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl':
    '25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3',
  'nvidia_cudnn_cu12-9.28.0.42-py3-none-manylinux_2_27_x86_64.whl':
    '9ff58b7f36dacd0a93e89f8f2957b52466889217963701daa15e577317cfa375',
  'nvidia_cufft_cu12-11.4.1.4-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl':
    'c67884f2a7d276b4b80eb56a79322a95df592ae5e765cf1243693365ccab4e28',
  'nvidia_curand_cu12-10.3.10.19-py3-none-manylinux_2_27_x86_64.whl':
    '49b274db4780d421bd2ccd362e1415c13887c53c214f0d4b761752b8f9f6aa1e',
  'nvidia_cusolver_cu12-11.7.5.82-py3-none-manylinux_2_27_x86_64.whl':
    '15da72d1340d29b5b3cf3fd100e3cd53421dde36002eda6ed93811af63c40d88',
  'nvidia_cusparse_cu12-12.5.10.65-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl':
    '73060ce019ac064a057267c585bf1fd5a353734151f87472ff02b2c5c9984e78',
  'nvidia_nccl_cu12-2.32.3-py3-none-manylinux_2_27_x86_64.whl':
    'bb94b2348e4861d5e8aa00b36c3d12d9bdf9c6369b82cbb723de0b582280a21c',
  'nvidia_nvjitlink_cu12-12.9.86-py3-none-manylinux2010_x86_64.manylinux_2_12_x86_64.whl':
    'e3f1171dbdc83c5932a45f0f4c99180a70de9bd2718c1ab77d14104f6d7147f9',
};
