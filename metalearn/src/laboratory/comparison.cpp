#include "metatape/metalearn/laboratory/comparison.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <utility>

#include "../algebra/small_algebra.hpp"
#include "likeness.hpp"
#include "metatape/autodiff/error.hpp"

namespace metatape::metalearn {

namespace {

using detail::Vector;
using detail::Vectors;

constexpr std::size_t spectrum_limit = 16;  // numbers of φ
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

// A mean and squared deviations from it, one sample after the other. Welford (1962).
class Moments {
 public:
  explicit Moments(std::size_t size) : mean_(size), covariance_(size <= spectrum_limit ? size : 0) {
    for (Vector& row : covariance_) row.resize(size);
  }
  void add(const Vector& x) {
    ++count_;
    const double share = 1 / static_cast<double>(count_);
    Vector off(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      off[i] = x[i] - mean_[i];
      mean_[i] += share * off[i];
      squares_ += off[i] * (x[i] - mean_[i]);
    }
    for (std::size_t i = 0; i < covariance_.size(); ++i)
      for (std::size_t j = 0; j < covariance_.size(); ++j)
        covariance_[i][j] += off[i] * off[j] * (1 - share);
  }
  [[nodiscard]] const Vector& mean() const { return mean_; }
  [[nodiscard]] double variance() const { return squares_ * per_freedom(); }
  [[nodiscard]] Vector spectrum() const {
    Vector values = detail::symmetric_eigen(covariance_).values;
    for (double& v : values) v = std::max(0.0, v * per_freedom());
    return values;
  }

 private:
  [[nodiscard]] double per_freedom() const {
    return count_ > 1 ? 1 / static_cast<double>(count_ - 1) : 0;
  }

  std::int64_t count_ = 0;
  Vector mean_;
  Vectors covariance_;  // sums, not yet divided
  double squares_ = 0;
};

// One estimator's samples.
struct Gathered {
  AnyEstimator estimator;
  bool once;
  Moments gradients;
  Moments biases{1};
  double squared_error = 0;
  Vector seconds{};
  EstimatorReport report{};
};

double median(Vector x) {
  if (x.empty()) return 0;
  const auto middle = x.begin() + std::ssize(x) / 2;
  std::ranges::nth_element(x, middle);
  return *middle;
}

class Comparing {
 public:
  Comparing(const System& system, const Params& phi, const ComparisonOptions& options,
            Threads* threads)
      : system_(system), phi_(phi), options_(options), scratch_(threads) {}

  Comparison operator()(const std::vector<AnyEstimator>& estimators) {
    take_references();
    std::vector<Gathered> all;
    for (const AnyEstimator& e : estimators)
      all.push_back({.estimator = e,
                     .once = !options_.fresh_runs && !e.draws(),
                     .gradients = Moments(static_cast<std::size_t>(phi_.size()))});
    const std::int64_t samples = options_.fresh_runs ? std::ssize(references_) : options_.samples;
    for (std::int64_t i = 0; i < samples; ++i) {
      const Dynamics fresh = options_.fresh_runs ? run(i) : Dynamics{};
      for (Gathered& g : all)
        if (i == 0 || !g.once) sample(g, options_.fresh_runs ? fresh : run_, i);
      if (options_.stop && options_.stop()) break;
    }
    for (Gathered& g : all) found_.estimators.push_back(reported(g));
    return std::move(found_);
  }

 private:
  [[nodiscard]] Dynamics run(std::int64_t i) const {
    return system_(phi_, options_.fresh_runs
                             ? options_.key.split("run", static_cast<std::uint64_t>(i))
                             : options_.key);
  }
  [[nodiscard]] Key of_sample(std::int64_t i) const {
    return options_.key.split("sample", static_cast<std::uint64_t>(i));
  }

  void take_references() {
    Moments mean(static_cast<std::size_t>(phi_.size())), losses(1);
    const std::int64_t runs = options_.fresh_runs ? options_.samples : 1;
    for (std::int64_t i = 0; i < runs; ++i) {
      run_ = run(i);
      const Estimate e =
          estimate(options_.reference, run_, phi_,
                   options_.key.split("reference", static_cast<std::uint64_t>(i)), scratch_);
      const std::string which = options_.fresh_runs ? fmt::format(" of run {}", i) : "";
      if (e.diverged)
        throw DataError(fmt::format("compare: the reference{} diverges at step {} of {}", which,
                                    *e.diverged, run_.steps));
      if (!detail::all_finite(e.gradient))
        throw DataError(
            fmt::format("compare: the reference{} overflows over {} steps", which, run_.steps));
      references_.push_back(e.gradient);
      mean.add(e.gradient.flat().to_vector());
      losses.add({e.loss});
      if (options_.fresh_runs && options_.stop && options_.stop()) break;
    }
    found_.loss = losses.mean().front();
    found_.reference = as_params(mean.mean());
    Params r = found_.reference;
    const double scale = detail::take_scale(r);
    const double squared = r.dot(r);
    along_ = r.to(DType::f64).flat().to_vector();
    for (double& x : along_) x = scale > 0 ? x / squared / scale : nan;
  }

  [[nodiscard]] Params as_params(const Vector& v) const {
    return Params(phi_.layout(),
                  Tensor(phi_.flat().shape(), std::span<const double>(v)).to(phi_.dtype()));
  }

  // Sample i; what is asked once is timed three times where that is quick.
  void sample(Gathered& g, const Dynamics& run, std::int64_t i) {
    using Clock = std::chrono::steady_clock;
    double spent = 0;
    Estimate e;
    for (int timed = 0; timed == 0 || (g.once && timed < 3 && spent < 0.2); ++timed) {
      scratch_.reset_peak();
      const Clock::time_point begin = Clock::now();
      e = estimate(g.estimator, run, phi_, of_sample(i), scratch_);
      g.seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
      spent += g.seconds.back();
      g.report.peak_bytes = std::max(g.report.peak_bytes, scratch_.peak_together() + e.kept_bytes);
    }
    if (e.diverged || !detail::all_finite(e.gradient)) {
      ++g.report.diverged;
      return;
    }
    ++g.report.samples;
    const Vector gradient = e.gradient.flat().to_vector();
    const Params& own = references_[options_.fresh_runs ? static_cast<std::size_t>(i) : 0];
    Vector error = own.flat().to_vector();
    for (std::size_t j = 0; j < error.size(); ++j) error[j] = gradient[j] - error[j];
    g.gradients.add(gradient);
    g.squared_error += detail::dot(error, error);
    g.biases.add({detail::dot(error, along_)});
  }

  [[nodiscard]] EstimatorReport reported(const Gathered& g) const {
    EstimatorReport r = g.report;
    const auto n = static_cast<double>(r.samples);
    r.name = g.estimator.name();
    r.mean = as_params(g.gradients.mean());
    r.cosine = cosine(r.mean, found_.reference);
    r.relative_bias = r.samples > 0 ? g.biases.mean().front() : nan;
    r.relative_bias_ci95 = r.samples > 0 ? 1.96 * std::sqrt(g.biases.variance() / n) : nan;
    r.variance = g.gradients.variance();
    r.variance_spectrum = g.gradients.spectrum();
    r.mean_squared_error = r.samples > 0 ? g.squared_error / n : nan;
    r.seconds_per_estimate = median(g.seconds);
    return r;
  }

  const System& system_;
  const Params& phi_;
  const ComparisonOptions& options_;
  UnrollScratch scratch_;
  Dynamics run_{};
  std::vector<Params> references_{};
  Vector along_{};  // their mean r, over ‖r‖²: its product with an error is a relative bias
  Comparison found_{};
};

}  // namespace

Comparison compare_estimators(const System& system, const Params& phi,
                              const std::vector<AnyEstimator>& estimators,
                              const ComparisonOptions& options, Threads* threads) {
  if (options.samples < 1)
    throw DataError(fmt::format("compare: {} samples: 1 or more expected", options.samples));
  if (phi.size() == 0) throw DataError("compare: phi has no numbers, so there is no gradient");
  return Comparing(system, phi, options, threads)(estimators);
}

}  // namespace metatape::metalearn
