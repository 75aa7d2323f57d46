// Bugs for the checks to find, as a test of the checks. Each one changes a copy of native/cuda, so
// that the engine itself has no trace of them; a bug whose text is not found fails the check.

/**
 * @typedef {object} InjectedBug
 * @property {string} name
 * @property {string} file in native/cuda
 * @property {string} find a text that occurs once in the file
 * @property {string} replace what stands there instead
 * @property {'plain' | 'address' | 'thread' | 'ptx' | 'fake-gpu'} build the build that must find it
 * @property {RegExp} says what that build prints
 * @property {NodeJS.ProcessEnv} [environment] that the bug shows in
 */

/** A driver from before CUDA 12.5, which has no event for all work of a GPU. */
export const oldDriver = { SIMT_OLD_DRIVER: '1' };

/** @type {readonly InjectedBug[]} */
export const injectedBugs = [
  {
    name: 'missing-barrier',
    file: 'block.h',
    find: '  __syncthreads();\n  if (warp > 0) return 0.0;',
    replace: '  if (warp > 0) return 0.0;',
    build: 'thread',
    says: /data race/,
  },
  {
    // The last block may read the sums of another one before they are there.
    name: 'no-fence-before-the-count',
    file: 'block.h',
    find: '    __threadfence();\n    last = ',
    replace: '    last = ',
    build: 'thread',
    says: /data race/,
  },
  {
    name: 'no-fence-after-the-count',
    file: 'block.h',
    find: '    __threadfence();\n  }\n',
    replace: '  }\n',
    build: 'thread',
    says: /data race/,
  },
  {
    // The second sum writes what the first warp may still read for the first one. All values are
    // right, so that only the race detector can see it.
    name: 'shared-array-reused',
    file: 'rules.cu',
    find: '  const double squaredNorm = addChunkSums(sums, 0);',
    replace: '  addChunkSums(sums, 0);\n  const double squaredNorm = addChunkSums(sums, 0);',
    build: 'thread',
    says: /data race/,
  },
  {
    name: 'off-by-one',
    file: 'block.h',
    find: 'size - i < kQuad ? size - i : kQuad',
    replace: 'size - i < kQuad ? kQuad : kQuad',
    build: 'address',
    says: /heap-buffer-overflow/,
  },
  {
    name: 'misaligned-vector',
    file: 'block.h',
    find: '(pointer) % sizeof(float4) == 0;',
    replace: '(pointer) % sizeof(float) == 0;',
    build: 'address',
    says: /misaligned address/,
  },
  {
    // Two blocks write to one place.
    name: 'grid-race',
    file: 'rules.cu',
    find: 'if (threadIdx.x == 0) sums.ofChunks[number] = sum;',
    replace: 'if (threadIdx.x == 0) sums.ofChunks[number / 2] = sum;',
    build: 'thread',
    says: /data race/,
  },
  {
    name: 'partial-warp-mask',
    file: 'block.h',
    find: 'kWholeWarp = 0xffffffffu;',
    replace: 'kWholeWarp = 0x0000ffffu;',
    build: 'plain',
    says: /mask of a warp operation does not name its caller/,
  },
  {
    // The pinned list of tensors is filled again while the last one may not have been copied.
    name: 'stream-order',
    file: 'engine.cu',
    find: '  checkCuda(cudaEventSynchronize(uploaded_.get()), "waiting for the last upload");\n',
    replace: '',
    build: 'plain',
    says: /FAILED|SIGSEGV/,
  },
  {
    name: 'changed-settings-not-uploaded',
    file: 'engine.cu',
    find: 'differs(0, tableOffset) ? 0 : tableOffset;',
    replace: 'before == 0 ? 0 : tableOffset;',
    build: 'plain',
    says: /FAILED/,
  },
  {
    name: 'order-of-lanes',
    file: 'block.h',
    find: 'return (sums[0] + sums[2]) + (sums[1] + sums[3]);',
    replace: 'return (sums[0] + sums[1]) + (sums[2] + sums[3]);',
    build: 'plain',
    says: /FAILED order of additions/,
  },
  {
    name: 'order-of-threads',
    file: 'block.h',
    find: 'for (int half = kWarpSize / 2; half > 0; half /= 2) {',
    replace: 'for (int half = 1; half < kWarpSize; half *= 2) {',
    build: 'plain',
    says: /FAILED order of additions/,
  },
  {
    name: 'order-of-warps',
    file: 'block.h',
    find: 'for (int half = kWarps / 2; half > 0; half /= 2) {\n#pragma unroll\n      for (int other = 0; other < half; ++other) warps[other] += warps[other + half];',
    replace:
      'for (int half = 1; half < kWarps; half *= 2) {\n#pragma unroll\n      for (int other = 0; other + half < kWarps; other += 2 * half) warps[other] += warps[other + half];',
    build: 'plain',
    says: /FAILED order of additions/,
  },
  {
    name: 'coefficients-of-another-group',
    file: 'rules.cu',
    find: '(coefficients)[tensor.group];',
    replace: '(coefficients)[0];',
    build: 'plain',
    says: /FAILED .*: groups .*, parameters/,
  },
  {
    name: 'refused-step-updates',
    file: 'rules.cu',
    find: 'maxGradientValue, state->refused);',
    replace: 'maxGradientValue, false);',
    build: 'plain',
    says: /FAILED .*(infinite loss|not a number).*, parameters/,
  },
  {
    // The sums of a rule that has several share one array for the exchange between warps.
    name: 'missing-barrier-between-sums',
    file: 'rules.cu',
    find: '    if (k > 0) __syncthreads();\n    const double sum = addLanes(lanes[k]);',
    replace: '    const double sum = addLanes(lanes[k]);',
    build: 'thread',
    says: /data race/,
  },
  {
    name: 'factor-forgotten',
    file: 'rules.cu',
    find: '= factors[k] * sum;',
    replace: '= (k > 0 ? 1.0 : factors[k]) * sum;',
    build: 'plain',
    says: /FAILED .*, report/,
  },
  {
    name: 'factors-of-another-group',
    file: 'rules.cu',
    find: 'groups.factors + tensor.group * Rule::kSums',
    replace: 'groups.factors',
    build: 'plain',
    says: /FAILED .*: groups .*, report/,
  },
  {
    name: 'offset-in-32-bits',
    file: 'block.h',
    find: 'std::uint64_t{chunk - place.tensor->*kFirst} * kChunkSize',
    replace: 'static_cast<unsigned>((chunk - place.tensor->*kFirst) * kChunkSize)',
    build: 'plain',
    says: /FAILED .*a tensor of|SIGSEGV/,
  },
  {
    name: 'alignment-of-new-parameter',
    file: 'rules.cu',
    find: 'isAligned(parameter) && isAligned(newParameter) &&',
    replace: 'isAligned(parameter) &&',
    build: 'address',
    says: /misaligned address/,
  },
  {
    name: 'alignment-of-new-state',
    file: 'rules.cu',
    find: 'state.aligned() && newState.aligned();',
    replace: 'state.aligned();',
    build: 'address',
    says: /misaligned address/,
  },
  {
    name: 'alignment-of-measured-state',
    file: 'rules.cu',
    find: 'isAligned(gradient) && isAligned(parameter) && state.aligned();',
    replace: 'isAligned(gradient) && isAligned(parameter);',
    build: 'address',
    says: /misaligned address/,
  },
  {
    name: 'alignment-of-kept-values',
    file: 'block.h',
    find: 'if (isAligned(from) && isAligned(to)) {',
    replace: 'if (isAligned(from)) {',
    build: 'address',
    says: /misaligned address/,
  },
  {
    // All bits are right: the extra block adds 0.
    name: 'extra-empty-chunk',
    file: 'table.h',
    find: 'return (size + kChunkSize - 1) / kChunkSize;',
    replace: 'return size / kChunkSize + 1;',
    build: 'plain',
    says: /FAILED .*launches of/,
  },
  {
    // Only found by the large cases and the tensors of more sums than are one part.
    name: 'sums-of-another-part',
    file: 'block.h',
    find: 'addPart(from + part * kPart,',
    replace: 'addPart(from,',
    build: 'plain',
    says: /FAILED .*(more chunks than|a tensor of).*, report/,
  },
  {
    name: 'free-without-wait',
    file: 'engine.cu',
    find: '  freeLater(memory);\n  wait();',
    replace: '  checkCuda(cudaFree(memory), "freeing memory of the GPU");',
    build: 'address',
    says: /heap-use-after-free/,
  },
  {
    name: 'free-later-at-once',
    file: 'engine.h',
    find: 'toBeFreed_.push_back(memory);',
    replace: 'cudaFree(memory);',
    build: 'address',
    says: /heap-use-after-free/,
  },
  {
    name: 'close-without-wait',
    file: 'engine.cu',
    find: '  cudaStreamSynchronize(stream_.get());\n',
    replace: '',
    build: 'address',
    says: /heap-use-after-free/,
  },
  {
    // Scratch memory grows while an enqueued step still uses the old one.
    name: 'growth-without-wait',
    file: 'runtime.h',
    find: '    if (data_) waitFor(stream);\n',
    replace: '    static_cast<void>(stream);\n',
    build: 'address',
    says: /heap-use-after-free/,
  },
  {
    // The one line that is another one under the shim.
    name: 'elements-exchanged-by-inline-ptx',
    file: 'block.h',
    find: '"st.global.v4.f32 [%0], {%1, %2, %3, %4};"',
    replace: '"st.global.v4.f32 [%0], {%1, %2, %4, %3};"',
    build: 'ptx',
    says: /FAILED .*, parameters/,
  },
  {
    // Gradients may still be computed in TensorFlow's stream.
    name: 'no-wait-for-the-context',
    file: 'whole_device.h',
    find: '    checkCuda(cudaStreamWaitEvent(stream.get(), event.get(), 0), "waiting for the GPU");\n',
    replace: '    static_cast<void>(stream);\n',
    build: 'fake-gpu',
    says: /late streams, step \d+/,
  },
  {
    name: 'no-wait-for-the-device',
    file: 'whole_device.h',
    find: '    checkCuda(cudaDeviceSynchronize(), "waiting for the GPU");\n',
    replace: '',
    build: 'fake-gpu',
    environment: oldDriver,
    says: /late streams, step \d+/,
  },
];
