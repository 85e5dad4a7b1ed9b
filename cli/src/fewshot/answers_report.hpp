// answers_report.hpp: what is to be learned from a learner's answers besides how many are right:
// what it takes for what, how far its probabilities can be trusted, which alphabets are hard.
#pragma once

#include <map>

#include "../run_folder.hpp"
#include "judge.hpp"
#include "metatape/metalearn/fewshot/calibration.hpp"
#include "metatape/metalearn/fewshot/confusions.hpp"

namespace metatape::cli {

class AnswersReport {
 public:
  explicit AnswersReport(std::shared_ptr<const tasks::ImageSet> set);

  /// An episode's answers (a Judge::Observe); of several seeds each episode once a seed.
  void see(const tasks::EpisodePlan& plan, const metalearn::EpisodeAnswers& answers);

  /// `calibration`, `confusion`, `worst_pairs`, `alphabets`; null what there is not.
  [[nodiscard]] Json json() const;
  /// A few lines; `verbose` adds the pairs of classes confused most often, and a table.
  [[nodiscard]] std::string text(bool verbose) const;
  /// figures/calibration and figures/confusion.
  void draw(const RunFolder& folder, Console& console) const;

 private:
  [[nodiscard]] const std::string& group(int g) const;
  [[nodiscard]] const std::string& name_of(int c) const;
  /// Mixed episodes of several alphabets: otherwise none can be taken for another.
  [[nodiscard]] bool confusable() const;
  [[nodiscard]] Json alphabets() const;

  std::shared_ptr<const tasks::ImageSet> set_;
  metalearn::Confusions confusions_;
  metalearn::Calibration calibration_;
  bool within_ = true;  // all episodes so far
  struct Sum {
    double accuracy = 0;
    int times = 0;
  };
  std::map<int, std::map<std::uint64_t, Sum>> by_group_;  // episodes within an alphabet
};

}  // namespace metatape::cli
