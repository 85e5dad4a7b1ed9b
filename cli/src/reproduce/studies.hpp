// studies.hpp: experiments that are no sequence of commands: the library itself, in this process.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../figure.hpp"
#include "metatape/metalearn/training/trainer.hpp"

namespace metatape::cli {

/// What a study is given.
struct StudyContext {
  bool paper = false;  ///< the scale
  std::uint64_t seed = 1;
  std::string data{};  ///< a spec, where the experiment needs one
  Threads& threads;
  Console& console;
};

/// A number beside the paper's.
struct StudyRow {
  std::string what;
  std::optional<double> paper;
  double measured = 0;
  double ci95 = std::numeric_limits<double>::quiet_NaN();  ///< NaN: it has none
};

struct StudyResult {
  std::vector<StudyRow> rows{};
  std::vector<std::pair<std::string, Figure>> figures{};  ///< by the name of their files
};

using Study = std::function<StudyResult(const StudyContext&)>;

StudyResult short_horizon_bias(const StudyContext& context);
StudyResult chaos(const StudyContext& context);
StudyResult pes_bias(const StudyContext& context);
StudyResult hypergradient(const StudyContext& context);
StudyResult second_order(const StudyContext& context);

/// Throws Interrupted where a signal asks to stop: to be called between the parts of a study.
void stop_if_asked();

/// So many steps of φ, with progress; `each`, if given, after every one. Stops as above.
void train(metalearn::Trainer& trainer, std::int64_t steps, const std::string& what,
           const StudyContext& context,
           const std::function<void(const metalearn::StepReport&)>& each = {});

/// Mean and the half-width of its 95 % interval, 1.96 s / √n; NaN for one value.
struct MeanOf {
  double mean = 0, ci95 = 0;
};
MeanOf mean_of(const std::vector<double>& values);

}  // namespace metatape::cli
