#include "study.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <limits>

#include "../optimizer/learned.hpp"
#include "../signals.hpp"
#include "metatape/metalearn/estimators/systems_by_name.hpp"
#include "metatape/metalearn/optimizers/tuned.hpp"
#include "metatape/nn/atomic_file.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::cli {

namespace {

constexpr std::int64_t shown_numbers = 16;
constexpr const char* whole_phi = "all";  // of --with-respect-to

/// The optimizer's names and those of the function's own settings, for a message.
std::string no_such_number(const std::string& name, const metalearn::AnyOptimizer& optimizer,
                           const Params& settings) {
  std::vector<std::string> known{whole_phi};
  const Params numbers = optimizer.phi(DType::f64);
  for (const ParamEntry& e : numbers.entries())
    if (e.shape.rank() == 0) {
      known.push_back(e.name);
      known.push_back("log_" + e.name);
    }
  for (const ParamEntry& e : settings.entries()) known.push_back(e.name);
  std::string near = tasks::did_you_mean(name.substr(0, name.find('/')), known);
  if (near.empty()) near = fmt::format("; one of {}", joined(known, ", "));
  return fmt::format("neither {} nor what it minimises has a number '{}'{}", optimizer.name(), name,
                     near);
}

/// The optimizer with φ's numbers free, and φ. DataError for names that cannot be.
std::pair<metalearn::AnyOptimizer, Params> with_free_numbers(
    const metalearn::AnyOptimizer& base, const std::vector<std::string>& names,
    const tasks::OptimizeeInstance& instance, DType dtype, std::int64_t steps) {
  const bool all = std::ranges::count(names, whole_phi) > 0;
  const Params numbers = base.phi(DType::f64);
  std::vector<metalearn::FreeRate> rates;
  std::vector<std::pair<std::string, Tensor>> settings;
  for (const std::string& name : names) {
    if (name == whole_phi) continue;
    if (instance.settings.contains(name)) {
      settings.emplace_back(name, instance.settings[name].to(dtype));
      continue;
    }
    std::string plain = name.substr(0, name.find('/'));
    if (!numbers.contains(plain) && plain.starts_with("log_")) plain = plain.substr(4);
    if (!numbers.contains(plain)) throw DataError(no_such_number(name, base, instance.settings));
    if (all) throw DataError(fmt::format("'{}' stands beside '{}', which has it", name, whole_phi));
    if (std::ranges::count(rates, plain, &metalearn::FreeRate::name) > 0)
      throw UsageError(fmt::format("--with-respect-to: {} is named twice", plain));
    try {
      rates.push_back(metalearn::free_rate(name, base, steps));
    } catch (const DataError& e) {
      throw UsageError(fmt::format("--with-respect-to: {}", e.what()));
    }
  }
  try {
    const metalearn::AnyOptimizer optimizer =
        all ? base : metalearn::tuned(base, std::move(rates), instance.initial);
    std::vector<Params> parts;
    if (const Params phi = optimizer.phi(dtype); !phi.empty()) parts.push_back(phi);
    if (!settings.empty()) parts.push_back(Params(settings).prefixed("settings"));
    if (parts.empty())
      throw UsageError(
          fmt::format("--with-respect-to: {} has no numbers to take a gradient by", base.name()));
    return {optimizer, Params::join(parts)};
  } catch (const DataError& e) {
    throw UsageError(fmt::format("--with-respect-to: {}", e.what()));
  }
}

}  // namespace

metalearn::System Study::runs_of(std::int64_t steps) const {
  if (named) return named(steps);
  metalearn::MinimisationOptions these = options;
  these.steps = steps;
  return metalearn::minimisations(optimizee, optimizer, these);
}

void StudySettings::declare(Invocation& in, bool gradient) {
  gradient_ = gradient;
  in.common.dtype = "f64";
  problem.declare(in.settings);
  in.settings.section("Optimizer");
  in.settings.add("optimizer", optimizer, "what minimises; see metatape optimizer list",
                  {.value_name = "NAME:KEY=VALUE,...", .default_text = "sgd"});
  in.settings.add("run", run, "instead: a run of `optimizer train`, or its checkpoint",
                  {.value_name = "DIR|FILE", .canonical = [](const std::string& path) {
                     return path.empty() ? path : std::filesystem::absolute(path).string();
                   }});
  std::vector<std::string> known;
  for (const tasks::SpecInfo& info : metalearn::systems_by_name()) known.push_back(info.name);
  in.settings.add("system", system,
                  fmt::format("instead of an optimizer at work: {}, with numbers of its own",
                              joined(known, ", ")),
                  {.value_name = "NAME:KEY=VALUE,..."});
  if (!gradient) return;
  in.settings.section("Gradient");
  in.settings.add("objective", objective, "what the gradient is of: L(f_1 .. f_T)",
                  {.choices = {"sum", "final", "log_ratio", "mean_log_ratio"}});
  in.settings.add("with-respect-to", with_respect_to,
                  "numbers of the optimizer, also log_NAME, NAME/tensor, NAME/step, and of what it "
                  "minimises; all: every number of the optimizer",
                  {.value_name = "NAME,...",
                   .default_text = "learning_rate, or all of a learned optimizer's weights"});
}

Study StudySettings::make_named(const Invocation& in) const {
  std::vector<const char*> others{"optimizee", "data", "optimizer", "run"};
  if (gradient_) others.insert(others.end(), {"objective", "with-respect-to"});
  for (const char* name : others)
    if (in.settings.origin(name) == Origin::command_line)
      throw UsageError(fmt::format("--system says what runs, and by what: leave out --{}", name));
  if (in.common.number() != DType::f64) throw UsageError("--system: --dtype f64 is expected");
  try {
    metalearn::NamedSystem found = metalearn::system_by_name(system);
    return {.named = std::move(found.runs),
            .phi = std::move(found.phi),
            .options = {.steps = problem.steps},
            .key = Key(in.common.seed).split("study")};
  } catch (const DataError& e) {
    throw UsageError(fmt::format("--system: {}", e.what()));
  }
}

Study StudySettings::make(const Invocation& in, const std::vector<std::string>& otherwise) {
  if (!system.empty()) return make_named(in);
  if (!run.empty() && optimizer)
    throw UsageError("--run says which optimizer: leave out --optimizer");
  if (run.empty() && !optimizer) optimizer = "sgd";
  const metalearn::AnyOptimizer base = optimizer ? hand_crafted(*optimizer) : load_learned(run);
  Study s{.optimizee = problem.make(tasks::Purpose::train),
          .optimizer_name = optimizer ? *optimizer : base.spec(),
          .options = {.steps = problem.steps, .objective = metalearn::run_objective(objective)},
          .key = Key(in.common.seed).split("study")};
  std::vector<std::string> names = with_respect_to.empty() ? otherwise : with_respect_to;
  if (names.empty())
    names = {base.phi(DType::f64).contains("learning_rate") ? "learning_rate" : whole_phi};
  const tasks::OptimizeeInstance instance =
      s.optimizee.sample(s.key.split("instance"), in.common.number());
  try {
    std::tie(s.optimizer, s.phi) =
        with_free_numbers(base, names, instance, in.common.number(), problem.steps);
  } catch (const DataError& e) {
    const bool said = with_respect_to.empty() && !otherwise.empty();
    throw UsageError(fmt::format("--{}: {}", said ? "along" : "with-respect-to", e.what()));
  }
  return s;
}

std::string StudySettings::title(const Study& study) const {
  return study.named ? system : fmt::format("{} by {}", problem.optimizee, study.optimizer_name);
}

std::vector<std::pair<std::string, std::string>> StudySettings::facts(const Study& study) const {
  std::vector<std::pair<std::string, std::string>> all;
  if (study.named)
    all.emplace_back("system", system);
  else
    all = {{"optimizee", problem.optimizee}, {"optimizer", study.optimizer_name}};
  all.emplace_back("steps", grouped(problem.steps));
  if (!gradient_) return all;
  if (!study.named) all.emplace_back("objective", objective);
  std::string numbers;
  for (std::size_t i = 0; i < study.phi.entries().size() && i < shown_numbers; ++i) {
    const ParamEntry& e = study.phi.entries()[i];
    numbers += (i > 0 ? ", " : "") + e.name;
    if (e.shape.rank() == 0)
      numbers += fmt::format(" = {:.4g}", study.phi[i].item());
    else
      numbers += fmt::format(" {}", to_string(e.shape));
  }
  if (study.phi.entries().size() > shown_numbers) numbers += ", ...";
  all.emplace_back("gradient by", numbers);
  return all;
}

Json StudySettings::result(const Study& study) const {
  Json result = study.named
                    ? Json{{"system", system}}
                    : Json{{"optimizee", problem.optimizee}, {"optimizer", study.optimizer_name}};
  result["steps"] = problem.steps;
  if (!gradient_) return result;
  Json names = Json::array();
  for (const ParamEntry& e : study.phi.entries()) names.push_back(e.name);
  if (!study.named) result["objective"] = objective;
  result["with_respect_to"] = std::move(names);
  result["phi"] = numbers_of(study.phi);
  return result;
}

void EstimatorSettings::declare(Settings& settings) {
  std::vector<std::string> known;
  for (const metalearn::EstimatorInfo& info : metalearn::estimators_by_name())
    known.push_back(info.name);
  settings.section("Estimators");
  settings.add("estimators", names, joined(known, ", "), {.value_name = "NAME,..."});
  settings.add("sigma", sigma,
               "of perturbations of phi (es, pes, nres, ...); several: each by each",
               {.value_name = "SIGMA,...",
                .default_text = "a hundredth of phi's root mean square, at most 1e-4"});
  settings.add("window", window, "steps between answers of pes, nres and truncated-es",
               {.least = 1, .most = 1e8, .default_text = "10, or the run where it is shorter"});
}

std::vector<double> EstimatorSettings::sigmas() const { return positive_numbers("--sigma", sigma); }

std::vector<AskedEstimator> EstimatorSettings::make(const Study& study) {
  const std::int64_t steps = study.options.steps;
  if (sigma.empty()) {
    const double size = study.phi.norm() / std::sqrt(static_cast<double>(study.phi.size()));
    // Small enough for a beta of 0.999 to stay below 1.
    constexpr double most = 1e-4;
    sigma = {fmt::format("{}", size > 0 ? std::min(most, 0.01 * size) : most)};
  }
  if (!window) window = std::min<std::int64_t>(10, steps);
  const std::vector<double> each = sigmas();
  std::vector<AskedEstimator> made;
  for (const std::string& name : names) {
    bool perturbs = false;
    for (const double s : each) {
      AskedEstimator asked;
      try {
        asked.estimator = metalearn::estimator_by_name(name, {.sigma = s, .window = *window});
        perturbs = metalearn::estimator_info(name).perturbs;
      } catch (const DataError& e) {
        throw UsageError(fmt::format("--estimators: {}", e.what()));
      }
      // One that wants the whole run answers after any number of steps.
      constexpr std::int64_t endless = std::numeric_limits<std::int64_t>::max();
      const std::int64_t w = asked.estimator.window(endless);
      if (w != endless && w > steps)
        throw UsageError(fmt::format("--estimators: {}: a window of {} steps, and the run has {}",
                                     name, w, steps));
      asked.label = asked.estimator.name();
      if (perturbs) asked.sigma = s;
      if (perturbs && each.size() > 1) asked.label += fmt::format(" σ={:g}", s);
      made.push_back(std::move(asked));
      if (!perturbs) break;
    }
  }
  return made;
}

std::vector<double> positive_numbers(const std::string& option,
                                     const std::vector<std::string>& list) {
  std::vector<double> numbers;
  for (const std::string& text : list) {
    double x = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), x);
    if (error != std::errc{} || end != text.data() + text.size() || !(x > 0) || !std::isfinite(x))
      throw UsageError(fmt::format("{}: '{}': a number above 0 is expected", option, text));
    if (std::ranges::count(numbers, x) > 0)
      throw UsageError(fmt::format("{}: {} is named twice", option, text));
    numbers.push_back(x);
  }
  return numbers;
}

std::vector<std::int64_t> lengths_of(const std::vector<std::string>& list, std::int64_t steps) {
  std::vector<std::int64_t> lengths;
  for (const std::string& text : list) {
    std::int64_t n = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc{} || end != text.data() + text.size() || n < 1)
      throw UsageError(fmt::format("--lengths: '{}' is no number of steps", text));
    if (n > steps)
      throw UsageError(fmt::format("--lengths: {}: longer than the run of {} steps", n, steps));
    if (!lengths.empty() && n <= lengths.back())
      throw UsageError(fmt::format("--lengths: {} after {}: they must ascend", n, lengths.back()));
    lengths.push_back(n);
  }
  return lengths;
}

Json numbers_of(const Params& p) {
  Json numbers = Json::array();
  for (std::int64_t i = 0; i < std::min(shown_numbers, p.size()); ++i)
    numbers.push_back(p.flat().at(i));
  return numbers;
}

std::string digits(double value) {
  return std::isfinite(value) ? fmt::format("{:.4g}", value) : "-";
}

bool WorkCount::operator()() {
  const std::scoped_lock lock(mutex_);
  progress_.update(++done_);
  return StopGuard::asked();
}

void finish_study(Invocation& in, const ReportPage& page, const Json& rows, Json result) {
  const std::filesystem::path folder = in.open_run().path();
  nn::write_atomically(folder / "table.csv", csv_text(rows));
  nn::write_atomically(folder / "report.html", page.html());
  in.console.note(fmt::format("report: {}", (folder / "report.html").string()));
  if (StopGuard::asked()) in.interrupted(std::move(result));
  in.finish(std::move(result));
}

}  // namespace metatape::cli
