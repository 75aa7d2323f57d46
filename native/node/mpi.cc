#include "node/mpi.h"

#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/shards.h"
#include "engine/sum.h"
#include "mpi/gpu_average.h"
#include "mpi/loaded_library.h"
#include "node/arguments.h"

namespace tfjs_alig {
namespace {

using Bytes = std::vector<unsigned char>;

Napi::Value getMpiLibrary(const Napi::CallbackInfo& info) {
  const MpiLibraryState& state = mpiLibraryState();
  const auto result = Napi::Object::New(info.Env());
  result.Set("path", state.path);
  result.Set("problem", state.library ? info.Env().Null()
                                      : Napi::Value(Napi::String::New(info.Env(), state.problem)));
  return result;
}

// returns rank, size and the name of the MPI library
Napi::Value mpiOpen(const Napi::CallbackInfo& info) {
  int rank = 0;
  int size = 0;
  char name[256] = "";
  callMpi(mpiLibrary().tfjs_alig_mpi_open, &rank, &size, name, sizeof name);
  const auto result = Napi::Object::New(info.Env());
  result.Set("rank", rank);
  result.Set("size", size);
  // Open MPI's goes on with where it was built.
  const std::string text(name);
  result.Set("library", text.substr(0, text.find_first_of(",\n")));
  return result;
}

Bytes bytesOf(const Napi::Value& value) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw std::invalid_argument("bytes must be a Uint8Array");
  }
  auto array = value.As<Napi::Uint8Array>();
  return Bytes(array.Data(), array.Data() + array.ByteLength());
}

Napi::Value copyOf(Napi::Env env, const Bytes& bytes) {
  auto array = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty()) std::memcpy(array.Data(), bytes.data(), bytes.size());
  return array;
}

Bytes exchange(const Bytes& record, int size, double seconds) {
  Bytes received(record.size() * static_cast<std::size_t>(size));
  callMpi(mpiLibrary().tfjs_alig_mpi_exchange, static_cast<const void*>(record.data()),
          record.size(), static_cast<void*>(received.data()), seconds);
  return received;
}

// record, number of ranks, seconds; returns all records
Napi::Value mpiExchange(const Napi::CallbackInfo& info) {
  return copyOf(info.Env(), exchange(bytesOf(info[0]), info[1].As<Napi::Number>(),
                                     info[2].As<Napi::Number>().DoubleValue()));
}

// arrays, where their averages go, number of ranks, whether by MPI's own reduction, seconds
Napi::Value mpiAverage(const Napi::CallbackInfo& info) {
  // NOTE [values first, addresses last]
  const std::vector<Napi::Value> own = entriesOf(info[0], "arrays");
  const std::vector<Napi::Value> results = entriesOf(info[1], "results");
  const ExchangeTerms terms = {info[2].As<Napi::Number>(), info[3].As<Napi::Boolean>().Value(),
                               info[4].As<Napi::Number>()};
  std::vector<TfjsAligMpiArray> arrays(own.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    const FloatArray from = floatArray(own[i], "an array");
    const FloatArray to = floatArrayOf(entryOf(results, i, "results"), "a result", from.size);
    arrays[i] = {from.data, to.data, from.size};
  }
  averageOverRanks(arrays.data(), arrays.size(), terms);
  return info.Env().Undefined();
}

// number of elements, the rank that has the first, rank, number of ranks; returns begin and end
Napi::Value mpiShard(const Napi::CallbackInfo& info) {
  const auto size = static_cast<std::size_t>(info[0].As<Napi::Number>().Int64Value());
  const Shard shard = shardOf(size, kChunkSize, info[1].As<Napi::Number>(),
                              info[2].As<Napi::Number>(), info[3].As<Napi::Number>());
  const auto result = Napi::Array::New(info.Env(), 2);
  result.Set(0u, static_cast<double>(shard.begin));
  result.Set(1u, static_cast<double>(shard.end));
  return result;
}

// arrays that are whole, of which this rank's shards are filled, the `first` of each, seconds
Napi::Value mpiGather(const Napi::CallbackInfo& info) {
  // NOTE [values first, addresses last]
  const std::vector<Napi::Value> values = entriesOf(info[0], "arrays");
  const WordArray firsts = wordArrayOf(info[1], "firsts", values.size());
  std::vector<TfjsAligMpiArray> arrays;
  for (const Napi::Value& value : values) {
    const FloatArray array = floatArray(value, "an array");
    arrays.push_back({nullptr, array.data, array.size});
  }
  const TfjsAligMpiSharding sharding = {firsts.data, kChunkSize};
  callMpi(mpiLibrary().tfjs_alig_mpi_gather_floats,
          static_cast<const TfjsAligMpiArray*>(arrays.data()), arrays.size(), &sharding,
          info[2].As<Napi::Number>().DoubleValue());
  return info.Env().Undefined();
}

// table, terms; NOTE [tables of addresses]
Napi::Value mpiAverageOnGpu(const Napi::CallbackInfo& info) {
  const DoubleArray table = doubleArray(info[0], "table");
  const WordArray words = wordArray(info[1], "terms");
  const ExchangeTerms terms = readExchangeTerms(words.data, words.size);
  if (table.size % 3 != 0) throw std::invalid_argument("the table has half a row");
  std::vector<TfjsAligMpiArray> arrays;
  for (std::size_t i = 0; i < table.size; i += 3) {
    const double* const row = table.data + i;
    arrays.push_back({addressOf(row[1]), addressOf(row[2]), static_cast<std::size_t>(row[0])});
  }
  averageOnGpu(CudaSession::instance(), arrays, terms);
  return info.Env().Undefined();
}

// bytes of one array, root, seconds; returns the root's bytes
Bytes broadcast(Bytes bytes, int root, double seconds) {
  const TfjsAligMpiArray array = {bytes.data(), bytes.data(), bytes.size()};
  callMpi(mpiLibrary().tfjs_alig_mpi_broadcast, &array, std::size_t{1}, root, seconds);
  return bytes;
}

Napi::Value mpiBroadcast(const Napi::CallbackInfo& info) {
  return copyOf(info.Env(), broadcast(bytesOf(info[0]), info[1].As<Napi::Number>(),
                                      info[2].As<Napi::Number>().DoubleValue()));
}

template <class Element>
Bytes sum(Bytes bytes, double seconds) {
  const TfjsAligMpiArray array = {bytes.data(), bytes.data(), bytes.size() / sizeof(Element)};
  const auto function = sizeof(Element) == sizeof(float) ? mpiLibrary().tfjs_alig_mpi_sum_floats
                                                         : mpiLibrary().tfjs_alig_mpi_sum_doubles;
  callMpi(function, &array, std::size_t{1}, 1.0, seconds);
  return bytes;
}

// Work on a thread of Node's pool, on memory of its own: JavaScript may do anything to its arrays
// meanwhile. Fulfils its promise with bytes.
class LaterBytes : public Napi::AsyncWorker {
 public:
  LaterBytes(Napi::Env env, std::function<Bytes()> work)
      : Napi::AsyncWorker(env),
        work_(std::move(work)),
        deferred_(Napi::Promise::Deferred::New(env)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 protected:
  void Execute() override { result_ = work_(); }
  void OnOK() override { deferred_.Resolve(copyOf(Env(), result_)); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::function<Bytes()> work_;
  Napi::Promise::Deferred deferred_;
  Bytes result_;
};

Napi::Value later(Napi::Env env, std::function<Bytes()> work) {
  auto* const worker = new LaterBytes(env, std::move(work));
  worker->Queue();
  return worker->promise();
}

// The same with a promise: record, number of ranks, seconds
Napi::Value mpiExchangeLater(const Napi::CallbackInfo& info) {
  return later(info.Env(),
               [record = bytesOf(info[0]), size = info[1].As<Napi::Number>().Int32Value(),
                seconds = info[2].As<Napi::Number>().DoubleValue()] {
                 return exchange(record, size, seconds);
               });
}

// bytes, root, seconds
Napi::Value mpiBroadcastLater(const Napi::CallbackInfo& info) {
  return later(info.Env(),
               [bytes = bytesOf(info[0]), root = info[1].As<Napi::Number>().Int32Value(),
                seconds = info[2].As<Napi::Number>().DoubleValue()] {
                 return broadcast(bytes, root, seconds);
               });
}

// bytes, whether they are doubles, seconds
Napi::Value mpiSumLater(const Napi::CallbackInfo& info) {
  return later(info.Env(), [bytes = bytesOf(info[0]), doubles = info[1].As<Napi::Boolean>().Value(),
                            seconds = info[2].As<Napi::Number>().DoubleValue()] {
    return doubles ? sum<double>(bytes, seconds) : sum<float>(bytes, seconds);
  });
}

// record, seconds; returns whether all others have left, too
Napi::Value mpiLeave(const Napi::CallbackInfo& info) {
  const Bytes record = bytesOf(info[0]);
  int complete = 0;
  callMpi(mpiLibrary().tfjs_alig_mpi_leave, static_cast<const void*>(record.data()), record.size(),
          info[1].As<Napi::Number>().DoubleValue(), &complete);
  return Napi::Boolean::New(info.Env(), complete != 0);
}

Napi::Value mpiFinalize(const Napi::CallbackInfo& info) {
  callMpi(mpiLibrary().tfjs_alig_mpi_finalize);
  return info.Env().Undefined();
}

}  // namespace

void addMpi(Napi::Env env, Napi::Object exports) {
  const auto add = [&](const char* name, Napi::Value (*callback)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, callback, name));
  };
  add("getMpiLibrary", guarded<getMpiLibrary>);
  add("mpiOpen", guarded<mpiOpen>);
  add("mpiExchange", guarded<mpiExchange>);
  add("mpiAverage", guarded<mpiAverage>);
  add("mpiAverageOnGpu", guarded<mpiAverageOnGpu>);
  add("mpiShard", guarded<mpiShard>);
  add("mpiGather", guarded<mpiGather>);
  add("mpiBroadcast", guarded<mpiBroadcast>);
  add("mpiExchangeLater", guarded<mpiExchangeLater>);
  add("mpiBroadcastLater", guarded<mpiBroadcastLater>);
  add("mpiSumLater", guarded<mpiSumLater>);
  add("mpiLeave", guarded<mpiLeave>);
  add("mpiFinalize", guarded<mpiFinalize>);
}

}  // namespace tfjs_alig
