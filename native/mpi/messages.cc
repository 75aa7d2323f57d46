#include "mpi/messages.h"

#include <algorithm>
#include <chrono>
#include <sstream>
#include <thread>

namespace tfjs_alig {
namespace {

using Clock = std::chrono::steady_clock;

// Ranks often share cores, with each other and with TensorFlow's threads: who waits leaves the core
// to the others, at first only where one wants it, then for a time that is short beside a step.
constexpr int kYields = 200;
constexpr std::chrono::microseconds kPause{50};

}  // namespace

void checkMpi(int code, const char* function) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string(function) + " failed: " + text);
}

Pieces::~Pieces() {
  // What is under way keeps the type, as MPI says.
  if (type_ != MPI_DATATYPE_NULL) MPI_Type_free(&type_);
}

void Pieces::add(const void* address, std::size_t count) {
  if (count == 0) return;
  MPI_Aint place = 0;
  checkMpi(MPI_Get_address(address, &place), "MPI_Get_address");
  addresses_.push_back(place);
  counts_.push_back(static_cast<int>(count));
}

MPI_Datatype Pieces::type() {
  if (counts_.empty() || type_ != MPI_DATATYPE_NULL) return type_;
  checkMpi(MPI_Type_create_hindexed(static_cast<int>(counts_.size()), counts_.data(),
                                    addresses_.data(), element_, &type_),
           "MPI_Type_create_hindexed");
  checkMpi(MPI_Type_commit(&type_), "MPI_Type_commit");
  return type_;
}

void Messages::receive(int from, Tag tag, void* address, int count, MPI_Datatype type) {
  requests_.emplace_back();
  others_.push_back(from);
  checkMpi(MPI_Irecv(address, count, type, from, static_cast<int>(tag), ranks_.communicator,
                     &requests_.back()),
           "MPI_Irecv");
}

void Messages::send(int to, Tag tag, const void* address, int count, MPI_Datatype type) {
  requests_.emplace_back();
  others_.push_back(to);
  checkMpi(MPI_Isend(address, count, type, to, static_cast<int>(tag), ranks_.communicator,
                     &requests_.back()),
           "MPI_Isend");
}

void Messages::reduce(const float* own, float* sums, int count) {
  requests_.emplace_back();
  others_.push_back(kAll);
  checkMpi(
      MPI_Iallreduce(own, sums, count, MPI_FLOAT, MPI_SUM, ranks_.communicator, &requests_.back()),
      "MPI_Iallreduce");
}

void Messages::reduceAndScatter(const float* own, float* sums, const int* counts) {
  requests_.emplace_back();
  others_.push_back(kAll);
  checkMpi(MPI_Ireduce_scatter(own, sums, counts, MPI_FLOAT, MPI_SUM, ranks_.communicator,
                               &requests_.back()),
           "MPI_Ireduce_scatter");
}

bool Messages::poll() {
  if (done_ == requests_.size()) return true;
  indices_.resize(requests_.size());
  int completed = 0;
  checkMpi(MPI_Testsome(static_cast<int>(requests_.size()), requests_.data(), &completed,
                        indices_.data(), MPI_STATUSES_IGNORE),
           "MPI_Testsome");
  if (completed != MPI_UNDEFINED) done_ += static_cast<std::size_t>(completed);
  return done_ == requests_.size();
}

void Messages::wait() {
  Clock::time_point last = Clock::now();
  std::size_t before = done_;
  for (int turns = 0; !poll(); ++turns) {
    if (done_ != before) {
      before = done_;
      last = Clock::now();
      turns = 0;
    } else if (std::chrono::duration<double>(Clock::now() - last).count() > seconds_) {
      throw std::runtime_error(missing());
    }
    if (turns < kYields) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kPause);
    }
  }
}

std::string Messages::missing() const {
  std::vector<int> ranks;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    if (requests_[i] != MPI_REQUEST_NULL) ranks.push_back(others_[i]);
  }
  std::sort(ranks.begin(), ranks.end());
  ranks.erase(std::unique(ranks.begin(), ranks.end()), ranks.end());
  std::ostringstream text;
  if (!ranks.empty() && ranks.front() == kAll) {
    text << "not all ranks have come within " << seconds_ << " s";
    return text.str();
  }
  text << (ranks.size() == 1 ? "rank " : "ranks ");
  for (std::size_t i = 0; i < ranks.size(); ++i) text << (i == 0 ? "" : ", ") << ranks[i];
  text << (ranks.size() == 1 ? " has" : " have") << " not come within " << seconds_ << " s";
  return text.str();
}

}  // namespace tfjs_alig
