// signals.hpp: Ctrl-C and SIGTERM.
// A loop that can save holds a StopGuard: then the first signal asks it to stop, the second ends
// the process at once. Without one there is nothing to save, so the first ends it. Both exit with
// 130.
#pragma once

namespace metatape::cli {

/// Once, at the start of main.
void install_signal_handlers();

class StopGuard {
 public:
  StopGuard();
  ~StopGuard();
  StopGuard(const StopGuard&) = delete;
  StopGuard& operator=(const StopGuard&) = delete;

  /// A signal came. Cheap: ask between steps.
  [[nodiscard]] static bool asked();
};

}  // namespace metatape::cli
