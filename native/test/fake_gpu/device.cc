// The fake GPU as TensorFlow asks for it: devices of type "GPU", FAKE_GPU_COUNT of them (1).
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#include "fake_gpu/memory.h"
#include "fake_gpu/stream.h"
#include "fake_gpu/stream_executor.h"
#include "tensorflow/c_api.h"

namespace fake_gpu {

struct Timer {};

namespace {

void succeed(TF_Status* status) { tfjs_alig::tensorFlow().TF_SetStatus(status, TF_OK, ""); }

void allocateMemory(const SP_Device*, std::uint64_t bytes, std::int64_t,
                    SP_DeviceMemoryBase* memory) {
  memory->struct_size = FAKE_GPU_STRUCT_SIZE(SP_DeviceMemoryBase, payload);
  memory->opaque = allocate(bytes);
  memory->size = memory->opaque ? bytes : 0;
}

void forgetMemory(const SP_Device*, SP_DeviceMemoryBase* memory) {
  memory->opaque = nullptr;
  memory->size = 0;
}

void* allocateOnHost(const SP_Device*, std::uint64_t bytes) {
  return ::operator new(bytes, std::align_val_t{64}, std::nothrow);
}
void freeOnHost(const SP_Device*, void* memory) { ::operator delete(memory, std::align_val_t{64}); }

TF_Bool noStatistics(const SP_Device*, void*) { return 0; }

TF_Bool memoryUsage(const SP_Device*, std::int64_t* free, std::int64_t* total) {
  // Of each device: two share the arena.
  *free = *total = static_cast<std::int64_t>(kMemoryBytes / 2);
  return 1;
}

void createStream(const SP_Device*, SP_Stream* stream, TF_Status* status) {
  *stream = new Stream;
  succeed(status);
}
void destroyStream(const SP_Device*, SP_Stream stream) { delete stream; }
void dependOn(const SP_Device*, SP_Stream dependent, SP_Stream other, TF_Status* status) {
  Event event;
  event.recordIn(*other);
  event.waitIn(*dependent);
  succeed(status);
}
void streamStatus(const SP_Device*, SP_Stream, TF_Status* status) { succeed(status); }

void createEvent(const SP_Device*, SP_Event* event, TF_Status* status) {
  *event = new Event;
  succeed(status);
}
void destroyEvent(const SP_Device*, SP_Event event) { delete event; }
SE_EventStatus eventStatus(const SP_Device*, SP_Event event) {
  return event->isDone() ? SE_EVENT_COMPLETE : SE_EVENT_PENDING;
}
void recordEvent(const SP_Device*, SP_Stream stream, SP_Event event, TF_Status* status) {
  event->recordIn(*stream);
  succeed(status);
}
void waitForEvent(const SP_Device*, SP_Stream stream, SP_Event event, TF_Status* status) {
  event->waitIn(*stream);
  succeed(status);
}
void blockForEvent(const SP_Device*, SP_Event event, TF_Status* status) {
  event->wait();
  succeed(status);
}

void createTimer(const SP_Device*, SP_Timer* timer, TF_Status* status) {
  *timer = new Timer;
  succeed(status);
}
void destroyTimer(const SP_Device*, SP_Timer timer) { delete timer; }
void useTimer(const SP_Device*, SP_Stream, SP_Timer, TF_Status* status) { succeed(status); }
std::uint64_t nanoseconds(SP_Timer) { return 1; }

void copyLate(SP_Stream stream, void* to, const void* from, std::uint64_t bytes,
              TF_Status* status) {
  stream->enqueueLate([=] { std::memcpy(to, from, bytes); });
  succeed(status);
}
void copyNow(void* to, const void* from, std::uint64_t bytes, TF_Status* status) {
  const OpenMemory open;
  std::memcpy(to, from, bytes);
  succeed(status);
}

void copyToHost(const SP_Device*, SP_Stream stream, void* to, const SP_DeviceMemoryBase* from,
                std::uint64_t bytes, TF_Status* status) {
  copyLate(stream, to, from->opaque, bytes, status);
}
void copyToDevice(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* to, const void* from,
                  std::uint64_t bytes, TF_Status* status) {
  copyLate(stream, to->opaque, from, bytes, status);
}
void copyOnDevice(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* to,
                  const SP_DeviceMemoryBase* from, std::uint64_t bytes, TF_Status* status) {
  copyLate(stream, to->opaque, from->opaque, bytes, status);
}
void copyToHostNow(const SP_Device*, void* to, const SP_DeviceMemoryBase* from, std::uint64_t bytes,
                   TF_Status* status) {
  copyNow(to, from->opaque, bytes, status);
}
void copyToDeviceNow(const SP_Device*, SP_DeviceMemoryBase* to, const void* from,
                     std::uint64_t bytes, TF_Status* status) {
  copyNow(to->opaque, from, bytes, status);
}
void copyOnDeviceNow(const SP_Device*, SP_DeviceMemoryBase* to, const SP_DeviceMemoryBase* from,
                     std::uint64_t bytes, TF_Status* status) {
  copyNow(to->opaque, from->opaque, bytes, status);
}

void fill(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* memory, std::uint8_t pattern,
          std::uint64_t bytes, TF_Status* status) {
  void* const to = memory->opaque;
  stream->enqueueLate([=] { std::memset(to, pattern, bytes); });
  succeed(status);
}
void fillWithZeros(const SP_Device* device, SP_Stream stream, SP_DeviceMemoryBase* memory,
                   std::uint64_t bytes, TF_Status* status) {
  fill(device, stream, memory, 0, bytes, status);
}
void fillWithWords(const SP_Device*, SP_Stream stream, SP_DeviceMemoryBase* memory,
                   std::uint32_t pattern, std::uint64_t bytes, TF_Status* status) {
  auto* const to = static_cast<char*>(memory->opaque);
  stream->enqueueLate([=] {
    for (std::uint64_t at = 0; at + sizeof pattern <= bytes; at += sizeof pattern) {
      std::memcpy(to + at, &pattern, sizeof pattern);
    }
  });
  succeed(status);
}

void blockForStream(const SP_Device*, SP_Stream stream, TF_Status* status) {
  stream->wait();
  succeed(status);
}
void blockForDevice(const SP_Device*, TF_Status* status) {
  waitForStreams();
  succeed(status);
}

TF_Bool callOnHost(const SP_Device*, SP_Stream stream, void (*call)(void*, TF_Status*),
                   void* argument) {
  stream->enqueue([=] {
    const tfjs_alig::TensorFlow& tf = tfjs_alig::tensorFlow();
    TF_Status* const status = tf.TF_NewStatus();
    call(argument, status);
    tf.TF_DeleteStatus(status);
  });
  return 1;
}

void deviceCount(const SP_Platform*, int* count, TF_Status* status) {
  const char* const wanted = std::getenv("FAKE_GPU_COUNT");
  *count = wanted ? std::atoi(wanted) : 1;
  succeed(status);
}

void createDevice(const SP_Platform*, SE_CreateDeviceParams* parameters, TF_Status* status) {
  SP_Device& device = *parameters->device;
  device.struct_size = FAKE_GPU_STRUCT_SIZE(SP_Device, pci_bus_id);
  device.ordinal = parameters->ordinal;
  device.hardware_name = "fake GPU";
  device.device_vendor = "tfjs-alig";
  device.pci_bus_id = "0000:00:00.0";
  succeed(status);
}

void createDeviceFunctions(const SP_Platform*, SE_CreateDeviceFnsParams* parameters,
                           TF_Status* status) {
  *parameters->device_fns = {FAKE_GPU_STRUCT_SIZE(SP_DeviceFns, get_gflops), nullptr, nullptr,
                             nullptr, nullptr};
  succeed(status);
}

void createTimerFunctions(const SP_Platform*, SP_TimerFns* functions, TF_Status* status) {
  functions->struct_size = FAKE_GPU_STRUCT_SIZE(SP_TimerFns, nanoseconds);
  functions->nanoseconds = nanoseconds;
  succeed(status);
}

void createExecutor(const SP_Platform*, SE_CreateStreamExecutorParams* parameters,
                    TF_Status* status) {
  SP_StreamExecutor executor = {};
  executor.struct_size = FAKE_GPU_STRUCT_SIZE(SP_StreamExecutor, host_callback);
  executor.allocate = allocateMemory;
  executor.deallocate = forgetMemory;
  executor.host_memory_allocate = allocateOnHost;
  executor.host_memory_deallocate = freeOnHost;
  executor.get_allocator_stats = noStatistics;
  executor.device_memory_usage = memoryUsage;
  executor.create_stream = createStream;
  executor.destroy_stream = destroyStream;
  executor.create_stream_dependency = dependOn;
  executor.get_stream_status = streamStatus;
  executor.create_event = createEvent;
  executor.destroy_event = destroyEvent;
  executor.get_event_status = eventStatus;
  executor.record_event = recordEvent;
  executor.wait_for_event = waitForEvent;
  executor.create_timer = createTimer;
  executor.destroy_timer = destroyTimer;
  executor.start_timer = executor.stop_timer = useTimer;
  executor.memcpy_dtoh = copyToHost;
  executor.memcpy_htod = copyToDevice;
  executor.memcpy_dtod = copyOnDevice;
  executor.sync_memcpy_dtoh = copyToHostNow;
  executor.sync_memcpy_htod = copyToDeviceNow;
  executor.sync_memcpy_dtod = copyOnDeviceNow;
  executor.block_host_for_event = blockForEvent;
  executor.block_host_until_done = blockForStream;
  executor.synchronize_all_activity = blockForDevice;
  executor.mem_zero = fillWithZeros;
  executor.memset = fill;
  executor.memset32 = fillWithWords;
  executor.host_callback = callOnHost;
  *parameters->stream_executor = executor;
  succeed(status);
}

// What TensorFlow gives back at the end was not allocated by itself.
template <class... Parameters>
void nothing(Parameters...) {}

}  // namespace
}  // namespace fake_gpu

extern "C" void SE_InitPlugin(SE_PlatformRegistrationParams* parameters, TF_Status* status) {
  SP_Platform& platform = *parameters->platform;
  platform.struct_size = FAKE_GPU_STRUCT_SIZE(SP_Platform, force_memory_growth);
  platform.name = "FAKE";
  platform.type = "GPU";
  // The allocator of TensorFlow's own GPUs, which hands out memory that its stream still uses.
  platform.use_bfc_allocator = 1;
  SP_PlatformFns& functions = *parameters->platform_fns;
  functions.struct_size = FAKE_GPU_STRUCT_SIZE(SP_PlatformFns, destroy_timer_fns);
  functions.get_device_count = fake_gpu::deviceCount;
  functions.create_device = fake_gpu::createDevice;
  functions.destroy_device = fake_gpu::nothing;
  functions.create_device_fns = fake_gpu::createDeviceFunctions;
  functions.destroy_device_fns = fake_gpu::nothing;
  functions.create_stream_executor = fake_gpu::createExecutor;
  functions.destroy_stream_executor = fake_gpu::nothing;
  functions.create_timer_fns = fake_gpu::createTimerFunctions;
  functions.destroy_timer_fns = fake_gpu::nothing;
  parameters->destroy_platform = fake_gpu::nothing;
  parameters->destroy_platform_fns = fake_gpu::nothing;
  fake_gpu::succeed(status);
}
