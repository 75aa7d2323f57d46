// The interface by which TensorFlow takes a device from a library (PluggableDevice), as far as the
// fake GPU has it. Layouts and names are those of tensorflow/c/experimental/stream_executor/
// stream_executor.h (StreamExecutor C API 0.0.1), the same in TensorFlow 2.9 and 2.21: the runtimes
// that tfjs-node is given come without that header.
#ifndef TFJS_ALIG_TEST_FAKE_GPU_STREAM_EXECUTOR_H_
#define TFJS_ALIG_TEST_FAKE_GPU_STREAM_EXECUTOR_H_

#include <cstddef>
#include <cstdint>

struct TF_Status;

namespace fake_gpu {
struct Stream;
struct Event;
struct Timer;
}  // namespace fake_gpu

extern "C" {

using SP_Stream = fake_gpu::Stream*;
using SP_Event = fake_gpu::Event*;
using SP_Timer = fake_gpu::Timer*;
using TF_Bool = unsigned char;

// Each begins with its size, by which TensorFlow tells versions apart.
struct SP_TimerFns {
  std::size_t struct_size;
  void* ext;
  std::uint64_t (*nanoseconds)(SP_Timer);
};

struct SP_DeviceMemoryBase {
  std::size_t struct_size;
  void* ext;
  void* opaque;
  std::uint64_t size;
  std::uint64_t payload;
};

struct SP_Device {
  std::size_t struct_size;
  void* ext;
  std::int32_t ordinal;
  void* device_handle;
  const char* hardware_name;
  const char* device_vendor;
  const char* pci_bus_id;
};

struct SE_CreateDeviceParams {
  std::size_t struct_size;
  void* ext;
  std::int32_t ordinal;
  SP_Device* device;
};

struct SP_DeviceFns {
  std::size_t struct_size;
  void* ext;
  std::int32_t (*get_numa_node)(const SP_Device*);
  std::int64_t (*get_memory_bandwidth)(const SP_Device*);
  double (*get_gflops)(const SP_Device*);
};

struct SE_CreateDeviceFnsParams {
  std::size_t struct_size;
  void* ext;
  SP_DeviceFns* device_fns;
};

enum SE_EventStatus { SE_EVENT_UNKNOWN, SE_EVENT_ERROR, SE_EVENT_PENDING, SE_EVENT_COMPLETE };

struct SP_StreamExecutor {
  std::size_t struct_size;
  void* ext;
  void (*allocate)(const SP_Device*, std::uint64_t bytes, std::int64_t space, SP_DeviceMemoryBase*);
  void (*deallocate)(const SP_Device*, SP_DeviceMemoryBase*);
  void* (*host_memory_allocate)(const SP_Device*, std::uint64_t bytes);
  void (*host_memory_deallocate)(const SP_Device*, void*);
  void* (*unified_memory_allocate)(const SP_Device*, std::uint64_t bytes);
  void (*unified_memory_deallocate)(const SP_Device*, void*);
  TF_Bool (*get_allocator_stats)(const SP_Device*, void* stats);
  TF_Bool (*device_memory_usage)(const SP_Device*, std::int64_t* free, std::int64_t* total);
  void (*create_stream)(const SP_Device*, SP_Stream*, TF_Status*);
  void (*destroy_stream)(const SP_Device*, SP_Stream);
  void (*create_stream_dependency)(const SP_Device*, SP_Stream dependent, SP_Stream other,
                                   TF_Status*);
  void (*get_stream_status)(const SP_Device*, SP_Stream, TF_Status*);
  void (*create_event)(const SP_Device*, SP_Event*, TF_Status*);
  void (*destroy_event)(const SP_Device*, SP_Event);
  SE_EventStatus (*get_event_status)(const SP_Device*, SP_Event);
  void (*record_event)(const SP_Device*, SP_Stream, SP_Event, TF_Status*);
  void (*wait_for_event)(const SP_Device*, SP_Stream, SP_Event, TF_Status*);
  void (*create_timer)(const SP_Device*, SP_Timer*, TF_Status*);
  void (*destroy_timer)(const SP_Device*, SP_Timer);
  void (*start_timer)(const SP_Device*, SP_Stream, SP_Timer, TF_Status*);
  void (*stop_timer)(const SP_Device*, SP_Stream, SP_Timer, TF_Status*);
  void (*memcpy_dtoh)(const SP_Device*, SP_Stream, void* to, const SP_DeviceMemoryBase* from,
                      std::uint64_t bytes, TF_Status*);
  void (*memcpy_htod)(const SP_Device*, SP_Stream, SP_DeviceMemoryBase* to, const void* from,
                      std::uint64_t bytes, TF_Status*);
  void (*memcpy_dtod)(const SP_Device*, SP_Stream, SP_DeviceMemoryBase* to,
                      const SP_DeviceMemoryBase* from, std::uint64_t bytes, TF_Status*);
  void (*sync_memcpy_dtoh)(const SP_Device*, void* to, const SP_DeviceMemoryBase* from,
                           std::uint64_t bytes, TF_Status*);
  void (*sync_memcpy_htod)(const SP_Device*, SP_DeviceMemoryBase* to, const void* from,
                           std::uint64_t bytes, TF_Status*);
  void (*sync_memcpy_dtod)(const SP_Device*, SP_DeviceMemoryBase* to,
                           const SP_DeviceMemoryBase* from, std::uint64_t bytes, TF_Status*);
  void (*block_host_for_event)(const SP_Device*, SP_Event, TF_Status*);
  void (*block_host_until_done)(const SP_Device*, SP_Stream, TF_Status*);
  void (*synchronize_all_activity)(const SP_Device*, TF_Status*);
  void (*mem_zero)(const SP_Device*, SP_Stream, SP_DeviceMemoryBase*, std::uint64_t bytes,
                   TF_Status*);
  void (*memset)(const SP_Device*, SP_Stream, SP_DeviceMemoryBase*, std::uint8_t pattern,
                 std::uint64_t bytes, TF_Status*);
  void (*memset32)(const SP_Device*, SP_Stream, SP_DeviceMemoryBase*, std::uint32_t pattern,
                   std::uint64_t bytes, TF_Status*);
  TF_Bool (*host_callback)(const SP_Device*, SP_Stream, void (*call)(void*, TF_Status*), void*);
};

struct SE_CreateStreamExecutorParams {
  std::size_t struct_size;
  void* ext;
  SP_StreamExecutor* stream_executor;
};

struct SP_Platform {
  std::size_t struct_size;
  void* ext;
  const char* name;
  const char* type;
  TF_Bool supports_unified_memory;
  TF_Bool use_bfc_allocator;
  TF_Bool force_memory_growth;
};

struct SP_PlatformFns {
  std::size_t struct_size;
  void* ext;
  void (*get_device_count)(const SP_Platform*, int* count, TF_Status*);
  void (*create_device)(const SP_Platform*, SE_CreateDeviceParams*, TF_Status*);
  void (*destroy_device)(const SP_Platform*, SP_Device*);
  void (*create_device_fns)(const SP_Platform*, SE_CreateDeviceFnsParams*, TF_Status*);
  void (*destroy_device_fns)(const SP_Platform*, SP_DeviceFns*);
  void (*create_stream_executor)(const SP_Platform*, SE_CreateStreamExecutorParams*, TF_Status*);
  void (*destroy_stream_executor)(const SP_Platform*, SP_StreamExecutor*);
  void (*create_timer_fns)(const SP_Platform*, SP_TimerFns*, TF_Status*);
  void (*destroy_timer_fns)(const SP_Platform*, SP_TimerFns*);
};

struct SE_PlatformRegistrationParams {
  std::size_t struct_size;
  void* ext;
  std::int32_t major_version;
  std::int32_t minor_version;
  std::int32_t patch_version;
  SP_Platform* platform;
  SP_PlatformFns* platform_fns;
  void (*destroy_platform)(SP_Platform*);
  void (*destroy_platform_fns)(SP_PlatformFns*);
};

}  // extern "C"

// Up to the last member, as TensorFlow counts: without what follows it for alignment.
#define FAKE_GPU_STRUCT_SIZE(Struct, last) (offsetof(Struct, last) + sizeof(Struct::last))

#endif  // TFJS_ALIG_TEST_FAKE_GPU_STREAM_EXECUTOR_H_
