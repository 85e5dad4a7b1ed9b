#include "answers_report.hpp"

#include <fmt/format.h>

#include <cmath>

#include "../figure.hpp"
#include "../progress.hpp"
#include "metatape/tasks/episodes/pixels.hpp"

namespace metatape::cli {

namespace {

constexpr std::size_t worst_shown = 10;
constexpr std::size_t widest_table = 12;  // alphabets of a table in the terminal

}  // namespace

AnswersReport::AnswersReport(std::shared_ptr<const tasks::ImageSet> set)
    : set_(std::move(set)), confusions_(set_) {}

void AnswersReport::see(const tasks::EpisodePlan& plan, const metalearn::EpisodeAnswers& answers) {
  confusions_.add(plan, answers.labels);
  if (answers.probabilities.size() > 0)
    calibration_.add(answers, static_cast<int>(plan.classes.size()));
  within_ = within_ && plan.group >= 0;
  if (plan.group < 0) return;
  Sum& sum = by_group_[plan.group][plan.index];
  sum.accuracy += tasks::share_right(answers.labels, plan.classes.size());
  ++sum.times;
}

const std::string& AnswersReport::group(int g) const {
  return set_->groups().at(static_cast<std::size_t>(g));
}

const std::string& AnswersReport::name_of(int c) const {
  return set_->classes().at(static_cast<std::size_t>(c)).name;
}

bool AnswersReport::confusable() const { return !within_ && confusions_.groups().size() > 1; }

Json AnswersReport::alphabets() const {
  Json list = Json::array();
  for (const int g : confusions_.groups()) {
    Json entry{{"name", group(g)}, {"accuracy", confusions_.accuracy(g)}};
    if (const auto found = by_group_.find(g); found != by_group_.end()) {
      std::vector<double> accuracies;
      for (const auto& [index, sum] : found->second) accuracies.push_back(sum.accuracy / sum.times);
      const metalearn::Evaluation e = metalearn::summarise(std::move(accuracies));
      entry["ci95"] = e.ci95;
      entry["episodes"] = e.accuracies.size();
    }
    list.push_back(std::move(entry));
  }
  return list;
}

Json AnswersReport::json() const {
  Json out{{"calibration", nullptr}, {"confusion", nullptr}};
  if (calibration_.queries() > 0) {
    Json bins = Json::array();
    for (int b = 0; b < metalearn::Calibration::bins; ++b) {
      const metalearn::Calibration::Bin bin = calibration_.bin(b);
      const bool any = bin.queries > 0;
      bins.push_back({{"queries", bin.queries},
                      {"confidence", any ? Json(bin.confidence) : Json(nullptr)},
                      {"right", any ? Json(bin.right) : Json(nullptr)}});
    }
    out["calibration"] = {{"expected_error", calibration_.expected_error()},
                          {"negative_log_likelihood", calibration_.negative_log_likelihood()},
                          {"bins", std::move(bins)}};
  }
  if (confusable()) {
    Json names = Json::array(), rates = Json::array();
    for (const int asked : confusions_.groups()) {
      names.push_back(group(asked));
      Json row = Json::array();
      for (const int answered : confusions_.groups())
        row.push_back(confusions_.rate(asked, answered));
      rates.push_back(std::move(row));
    }
    out["confusion"] = {{"wrong", confusions_.wrong()},
                        {"queries", confusions_.queries()},
                        {"same_alphabet", confusions_.same_group()},
                        {"same_alphabet_by_chance", confusions_.same_group_by_chance()},
                        {"alphabets", std::move(names)},
                        {"rates", std::move(rates)}};
  }
  Json pairs = Json::array();
  for (const auto& pair : confusions_.worst_pairs(worst_shown))
    pairs.push_back({{"a", name_of(pair.a)},
                     {"b", name_of(pair.b)},
                     {"wrong", pair.wrong},
                     {"chances", pair.chances}});
  out["worst_pairs"] = std::move(pairs);
  out["alphabets"] = alphabets();
  return out;
}

std::string AnswersReport::text(bool verbose) const {
  std::string out;
  if (calibration_.queries() > 0)
    out += fmt::format(
        "probabilities: off by {} in the mean (expected calibration error), "
        "negative log-likelihood {:.3f}\n",
        percent(calibration_.expected_error(), 1), calibration_.negative_log_likelihood());
  if (confusable() && confusions_.wrong() > 0)
    out += fmt::format(
        "wrong answers: {} name a class of the query's own alphabet, {} if they fell evenly\n",
        percent(confusions_.same_group(), 1), percent(confusions_.same_group_by_chance(), 1));
  if (within_ && !by_group_.empty()) {
    Table table({"alphabet", "accuracy", "95 %", "episodes"});
    for (const Json& a : alphabets()) {
      const double ci95 = a.value("ci95", std::nan(""));
      table.row({a["name"].get<std::string>(), percent(a["accuracy"].get<double>()),
                 std::isfinite(ci95) ? "± " + percent(ci95) : "-",
                 grouped(a.value("episodes", 0))});
    }
    out += table.text();
  }
  if (!verbose) return out;
  const auto groups = confusions_.groups();
  if (confusable() && groups.size() <= widest_table) {
    std::vector<std::string> heads{"% taken for a class of"};
    for (const int g : groups) heads.push_back(group(g));
    Table table(heads);
    for (const int asked : groups) {
      std::vector<std::string> cells{group(asked)};
      for (const int answered : groups)
        cells.push_back(fixed(100 * confusions_.rate(asked, answered), 2));
      table.row(std::move(cells));
    }
    out += table.text();
  }
  Table pairs({"taken for each other", "", "wrong", "of"});
  pairs.left(1);
  const auto worst = confusions_.worst_pairs(worst_shown);
  for (const auto& pair : worst)
    pairs.row({name_of(pair.a), name_of(pair.b), grouped(pair.wrong), grouped(pair.chances)});
  return worst.empty() ? out : out + pairs.text();
}

void AnswersReport::draw(const RunFolder& folder, Console& console) const {
  if (calibration_.queries() > 0) {
    Series measured{.name = "measured"}, perfect{.name = "as sure as right"};
    for (int b = 0; b < metalearn::Calibration::bins; ++b) {
      const metalearn::Calibration::Bin bin = calibration_.bin(b);
      if (bin.queries == 0) continue;
      measured.x.push_back(100 * bin.confidence);
      measured.y.push_back(100 * bin.right);
    }
    measured.points = measured.x.size() < 2;
    perfect.x = perfect.y = {0, 100};
    write_figure(Figure{.title = "Right answers by confidence",
                        .x_label = "mean confidence of ten bins, %",
                        .y_label = "% of queries right",
                        .series = {measured, perfect}},
                 folder.figures(), "calibration", console);
  }
  if (!confusable()) return;
  HeatMap map{.title = "% of queries taken for a given class of ...",
              .x_label = "alphabet of the answer",
              .y_label = "alphabet of the query"};
  for (const int asked : confusions_.groups()) {
    map.rows.push_back(group(asked));
    map.columns.push_back(group(asked));
    for (const int answered : confusions_.groups())
      map.values.push_back(100 * confusions_.rate(asked, answered));
  }
  write_figure(map, folder.figures(), "confusion", console);
}

}  // namespace metatape::cli
