#include "metatape/metalearn/optimizers/tune.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"

namespace metatape::metalearn {

namespace {

// Rates are 10^(k / 32) for whole k, so that refinements meet on one grid.
constexpr int per_decade = 32;
constexpr int lowest = -10 * per_decade, highest = 6 * per_decade;

double rate_of(int k) {
  // as a user would write it: three digits
  return std::stod(fmt::format("{:.3g}", std::pow(10.0, static_cast<double>(k) / per_decade)));
}

std::string with_rate(const std::string& spec, double rate) {
  return fmt::format("{}{}learning_rate={:g}", spec,
                     spec.find(':') == std::string::npos ? ':' : ',', rate);
}

bool stable(const TrialSummary& s) { return s.diverged == 0 && s.risen == 0; }

// Less is better; what is unstable comes after all that is not.
std::pair<bool, double> score(const TrialSummary& s) {
  return {!stable(s), s.diverged > 0 ? std::numeric_limits<double>::infinity() : s.last5};
}

}  // namespace

bool has_learning_rate(const std::string& spec) {
  return spec.find(":learning_rate=") != std::string::npos ||
         spec.find(",learning_rate=") != std::string::npos;
}

Tuning tune_learning_rate(const std::string& spec, const tasks::AnyOptimizee& optimizee,
                          const TuneOptions& options) {
  static_cast<void>(optimizer_by_name(spec));
  if (has_learning_rate(spec))
    throw DataError(fmt::format("optimizer '{}': it says its learning_rate already", spec));
  if (!(options.low > 0 && options.low <= options.high && options.high < 1e300))
    throw DataError(fmt::format("tuning: rates from {} to {}: 0 < low <= high expected",
                                options.low, options.high));

  std::map<int, TrialSummary> tried;
  const auto stopped = [&] { return options.trial.stop && options.trial.stop(); };
  const auto attempt = [&](int k) {
    if (tried.contains(k) || k < lowest || k > highest || stopped()) return;
    if (options.trying) options.trying(rate_of(k));
    const Trial trial =
        try_optimizer(optimizer_by_name(with_rate(spec, rate_of(k))), optimizee, options.trial);
    if (!stopped()) tried.emplace(k, summarise(trial));
  };
  const auto best = [&] {
    auto at = tried.begin();
    for (auto it = tried.begin(); it != tried.end(); ++it)
      if (score(it->second) < score(at->second)) at = it;
    return at->first;
  };

  const int half = per_decade / 2;
  const auto near = [&](double rate) {
    return std::clamp(static_cast<int>(std::lround(std::log10(rate) * 2)) * half, lowest, highest);
  };
  for (int k = near(options.low); k <= near(options.high); k += half) attempt(k);
  while (!tried.empty() && !stopped()) {
    const int k = best();
    if (k == tried.begin()->first && k > lowest)
      attempt(k - half);
    else if (k == tried.rbegin()->first && k < highest)
      attempt(k + half);
    else
      break;
  }
  for (int step = half / 2; step >= 1 && !tried.empty(); step /= 2) {
    const int k = best();
    attempt(k - step);
    attempt(k + step);
  }

  Tuning tuning;
  if (tried.empty()) return tuning;
  int k = best();
  if (!stopped() && !std::isfinite(score(tried.at(k)).second))
    throw NumericError(fmt::format(
        "optimizer '{}' on {}: it diverges at every learning rate from {:g} to {:g}", spec,
        optimizee.name(), rate_of(tried.begin()->first), rate_of(tried.rbegin()->first)));
  if (tried.contains(k - 1) && tried.contains(k + 1) && stable(tried.at(k)) &&
      !stable(tried.at(k + 1)))
    --k;
  tuning.best = rate_of(k);
  tuning.spec = with_rate(spec, tuning.best);
  tuning.at_edge = k == tried.begin()->first || k == tried.rbegin()->first;
  for (const auto& [at, summary] : tried) tuning.grid.push_back({rate_of(at), summary});
  return tuning;
}

}  // namespace metatape::metalearn
