#include "studies.hpp"

#include <cmath>

#include "../failure.hpp"
#include "../progress.hpp"
#include "../signals.hpp"

namespace metatape::cli {

void stop_if_asked() {
  if (StopGuard::asked()) throw Interrupted("interrupted");
}

void train(metalearn::Trainer& trainer, std::int64_t steps, const std::string& what,
           const StudyContext& context,
           const std::function<void(const metalearn::StepReport&)>& each) {
  Progress progress(context.console, {.what = what, .total = steps});
  for (std::int64_t i = 1; i <= steps; ++i) {
    const metalearn::StepReport report = trainer.step();
    if (each) each(report);
    progress.update(i, {{"loss", report.loss}});
    stop_if_asked();
  }
}

MeanOf mean_of(const std::vector<double>& values) {
  const auto n = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, 1.96 * std::sqrt(squares / (n - 1) / n)};
}

}  // namespace metatape::cli
