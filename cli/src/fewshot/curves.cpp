#include "curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "../figure.hpp"

namespace metatape::cli {

std::vector<int> counts_of(const std::string& option, const std::vector<std::string>& words,
                           int least) {
  constexpr int most = 100000;
  std::set<int> counts;
  for (const std::string& word : words) {
    const auto fail = [&] {
      throw UsageError(
          fmt::format("--{}: '{}': whole numbers from {} to {} or ranges of them are expected: "
                      "1,2,5-10",
                      option, word, least, most));
    };
    const auto number = [&](std::string_view text) {
      int n = 0;
      const auto [end, why] = std::from_chars(text.data(), text.data() + text.size(), n);
      if (why != std::errc() || end != text.data() + text.size() || n < least || n > most) fail();
      return n;
    };
    const std::string_view text = word;
    const std::size_t dash = text.find('-', 1);
    const int first = number(text.substr(0, dash));
    const int last = dash == std::string_view::npos ? first : number(text.substr(dash + 1));
    if (last < first) fail();
    for (int n = first; n <= last; ++n) counts.insert(n);
  }
  return {counts.begin(), counts.end()};
}

Json curves(Judge& judge, const Judged& who, const FewShotSettings& settings,
            const CurveOptions& options, const RunFolder* folder, Console& console) {
  const auto or_own = [](const std::vector<int>& given, int own) {
    return given.empty() ? std::vector{own} : given;
  };
  const std::vector<int> all_ways = or_own(options.ways, settings.way);
  const std::vector<int> all_shots = or_own(options.shots, settings.shot);
  for (const LoadedRun& run : who.runs)
    for (const int way : all_ways) require_way(run.learner, way);

  std::vector<FewShotSettings> asked;
  std::vector<std::string> left_out;
  std::string last_refusal;
  for (const int way : all_ways)
    for (const int shot : all_shots) {
      FewShotSettings s = settings;
      s.way = way;
      s.shot = shot;
      try {
        static_cast<void>(judge.sampler(s));
        asked.push_back(s);
      } catch (const UsageError& e) {
        last_refusal = e.what();
        left_out.push_back(fmt::format("{}-way {}-shot", way, shot));
        console.detail(left_out.back() + ": " + last_refusal);
      }
    }
  if (asked.empty()) throw UsageError(last_refusal);
  if (!left_out.empty())
    console.note(fmt::format("left out, since the {} split has too few classes or images: {}",
                             judge.split().name, joined(left_out, ", ")));

  // Shots are the axis when there are several, with a curve for each way; else ways.
  const bool over_shots = all_shots.size() > 1 || all_ways.size() == 1;
  Figure figure{.title = fmt::format("Accuracy on {} episodes of the {} split", judge.episodes(),
                                     judge.split().name),
                .x_label = over_shots ? "support images a class" : "classes of an episode",
                .y_label = "% of queries right"};
  const auto add = [&](const std::string& name, int x, const Verdict& v) {
    auto at = std::ranges::find(figure.series, name, &Series::name);
    if (at == figure.series.end()) at = figure.series.insert(at, Series{.name = name});
    const double y = 100 * v.over_episodes.accuracy, h = 100 * v.over_episodes.ci95;
    at->x.push_back(x);
    at->y.push_back(y);
    at->low.push_back(y - h);
    at->high.push_back(y + h);
  };
  const Judged raw = untrained("nearest"), centred = untrained("nearest-centred");
  Table table({"ways", "shots", who.learner(), "95 %", "nearest-centred", "nearest", "chance"});
  if (who.seeds) table.left(3);
  Json points = Json::array();
  for (const FewShotSettings& s : asked) {
    const Verdict own = judge(who, s), by_centred = judge(centred, s), by_raw = judge(raw, s);
    table.row({std::to_string(s.way), std::to_string(s.shot), percent(own.over_episodes.accuracy),
               interval_text(own), percent(by_centred.over_episodes.accuracy),
               percent(by_raw.over_episodes.accuracy), percent(1.0 / s.way)});
    Json point{{"way", s.way}, {"shot", s.shot}};
    point.update(verdict_json(who, own));
    point["chance"] = 1.0 / s.way;
    point["nearest"] = by_raw.over_episodes.accuracy;
    point["nearest_ci95"] = by_raw.over_episodes.ci95;
    point["nearest_centred"] = by_centred.over_episodes.accuracy;
    point["nearest_centred_ci95"] = by_centred.over_episodes.ci95;
    points.push_back(std::move(point));
    const std::string ways_of =
        over_shots && all_ways.size() > 1 ? fmt::format(", {} ways", s.way) : "";
    const int x = over_shots ? s.shot : s.way;
    add(who.learner() + ways_of, x, own);
    add("pixels, ink centred" + ways_of, x, by_centred);
    add("pixels" + ways_of, x, by_raw);
  }
  console.print(options.head + table.text());
  if (folder) write_figure(figure, folder->figures(), over_shots ? "shots" : "ways", console);
  return points;
}

}  // namespace metatape::cli
