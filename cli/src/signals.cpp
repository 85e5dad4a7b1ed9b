#include "signals.hpp"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>

#include "failure.hpp"

namespace metatape::cli {

namespace {

std::atomic<int> guards{0};
std::atomic<bool> stop{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

void say(std::string_view line) {
  // A full or closed standard error must not keep the process from ending.
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void on_signal(int) {
  const bool again = stop.exchange(true);
  if (guards.load() > 0 && !again) {
    say("\nmetatape: stopping after this step; once more to end at once\n");
    return;
  }
  say("\nmetatape: interrupted\n");
  ::_exit(exit_interrupted);
}

}  // namespace

void install_signal_handlers() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

StopGuard::StopGuard() { guards.fetch_add(1); }
StopGuard::~StopGuard() { guards.fetch_sub(1); }
bool StopGuard::asked() { return stop.load(std::memory_order_relaxed); }

}  // namespace metatape::cli
