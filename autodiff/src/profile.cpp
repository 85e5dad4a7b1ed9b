// profile.cpp: what all tapes meet, op by op.
// Each tape writes to a profile of its own, since tapes of several threads are at work at once.
#include "profile.hpp"

#include <atomic>
#include <mutex>
#include <vector>

namespace metatape {

struct ProfileAll::Gathering {
  std::mutex mutex;
  Profile ended;                        // of tapes that are no more
  std::vector<const Profile*> members;  // of those that live
};

namespace {

using Shared = std::shared_ptr<ProfileAll::Gathering>;

struct Stack {
  std::mutex mutex;
  std::vector<Shared> gatherings;
  std::atomic<int> count{0};  // asked by every tape that is made
};
Stack& stack() {
  static Stack* const immortal = new Stack;
  return *immortal;
}

void add(Profile& to, const Profile& from) {
  for (const auto& [op, e] : from.ops) {
    Profile::Entry& sum = to.ops[op];
    sum.calls += e.calls;
    sum.forward_s += e.forward_s;
    sum.pullback_s += e.pullback_s;
    sum.bytes += e.bytes;
  }
}

}  // namespace

ProfileAll::ProfileAll() : gathering_(std::make_shared<Gathering>()) {
  const std::lock_guard lock(stack().mutex);
  stack().gatherings.push_back(gathering_);
  ++stack().count;
}

ProfileAll::~ProfileAll() {
  const std::lock_guard lock(stack().mutex);
  std::erase(stack().gatherings, gathering_);
  --stack().count;
}

Profile ProfileAll::gathered() const {
  const std::lock_guard lock(gathering_->mutex);
  Profile all = gathering_->ended;
  for (const Profile* p : gathering_->members) add(all, *p);
  return all;
}

namespace detail {

ProfileMember::ProfileMember(std::shared_ptr<ProfileAll::Gathering> its_gathering)
    : gathering(std::move(its_gathering)) {
  const std::lock_guard lock(gathering->mutex);
  gathering->members.push_back(&profile);
}

ProfileMember::~ProfileMember() {
  const std::lock_guard lock(gathering->mutex);
  std::erase(gathering->members, &profile);
  add(gathering->ended, profile);
}

std::unique_ptr<ProfileMember> join_profile_of_all() {
  Stack& s = stack();
  if (s.count.load(std::memory_order_relaxed) == 0) return nullptr;
  const std::lock_guard lock(s.mutex);
  return s.gatherings.empty() ? nullptr : std::make_unique<ProfileMember>(s.gatherings.back());
}

}  // namespace detail

}  // namespace metatape
