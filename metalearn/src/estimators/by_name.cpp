#include "metatape/metalearn/estimators/by_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/estimators/evolution.hpp"
#include "metatape/metalearn/estimators/forward.hpp"
#include "metatape/metalearn/estimators/implicit.hpp"
#include "metatape/metalearn/estimators/reverse.hpp"
#include "metatape/metalearn/estimators/telescoping.hpp"
#include "metatape/tasks/nearest_name.hpp"

namespace metatape::metalearn {

namespace {

// √T segments are for whoever knows T: segments of so many steps are good up to T = 10,000.
constexpr std::int64_t checkpoint_segment = 32;

// "name:number:number" taken apart.
class Parts {
 public:
  explicit Parts(std::string_view text) : text_(text) {
    for (std::size_t from = 0; from <= text.size();) {
      const std::size_t to = std::min(text.find(':', from), text.size());
      parts_.push_back(text.substr(from, to - from));
      from = to + 1;
    }
  }
  [[nodiscard]] std::string_view name() const { return parts_.front(); }
  void expect(std::size_t least, std::size_t most) const {
    const std::size_t numbers = parts_.size() - 1;
    if (numbers < least || numbers > most)
      throw DataError(fmt::format(
          "estimator '{}': {} number{} after '{}' expected", text_,
          least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most),
          most == 1 ? "" : "s", name()));
  }
  [[nodiscard]] double number(std::size_t i, double standard, double least, double most) const {
    if (i >= parts_.size()) return standard;
    const std::string_view part = parts_[i];
    double found = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), found);
    if (error != std::errc{} || end != part.data() + part.size())
      throw DataError(fmt::format("estimator '{}': '{}' is no number", text_, part));
    if (!(found >= least && found <= most))
      throw DataError(
          fmt::format("estimator '{}': {}: {} to {} expected", text_, part, least, most));
    return found;
  }
  [[nodiscard]] std::int64_t whole(std::size_t i, std::int64_t standard, std::int64_t least) const {
    const double found =
        number(i, static_cast<double>(standard), static_cast<double>(least), largest);
    if (found != std::floor(found))
      throw DataError(fmt::format("estimator '{}': {} is no whole number", text_, parts_[i]));
    return static_cast<std::int64_t>(found);
  }

 private:
  static constexpr double largest = 1e9;
  std::string_view text_;
  std::vector<std::string_view> parts_;
};

std::string plain_name(const EstimatorInfo& e) {
  return e.name.substr(0, e.name.find_first_of(":["));
}

[[noreturn]] void refuse_name(std::string_view name) {
  std::vector<std::string> names;
  for (const EstimatorInfo& e : estimators_by_name()) names.push_back(plain_name(e));
  throw DataError(fmt::format("unknown estimator '{}'{}", name, tasks::did_you_mean(name, names)));
}

}  // namespace

const std::vector<EstimatorInfo>& estimators_by_name() {
  static const std::vector<EstimatorInfo> all = {
      {"exact", "reverse mode through the whole run, all of it on the tape", true},
      {"exact-hvp", "the same a step at a time: a Hessian-vector product each", true},
      {"checkpointed[:S]", "the same in segments of S steps (32), recorded again when needed",
       true},
      {"first", "reverse mode without second order: gradients inside the run are constants", false},
      {"truncated:K", "exact inside windows of K steps, nothing across them", false},
      {"truncated-first:K", "the same without second order", false},
      {"artbp:C", "each step's flow cut with probability C, else reweighted", true},
      {"roulette:Q", "runs of random length, the longer the seldomer, reweighted (Q in (0, 1))",
       true},
      {"single-term:Q", "the same, of one random stretch of the losses", true},
      {"forward[:R]", "tangents of all of phi, or of R random directions", true},
      {"uoro", "all tangents as one random product", true},
      {"es:N", "evolution strategies: N antithetic pairs of whole runs", true, true},
      {"es-baseline:N", "the same against the unperturbed run", true, true},
      {"es-one-sided:N", "the same without a baseline", true, true},
      {"truncated-es:N[:K]", "pairs of windows of K steps from the unperturbed state", false, true},
      {"pes:N[:K]", "persistent evolution strategies: pairs that live on between windows", true,
       true},
      {"nres:N[:K]", "the same with one perturbation a run", true, true},
      {"cg:K", "implicit differentiation at a fixed point, K conjugate gradients", true},
      {"neumann:K", "the same by K terms of a Neumann series", false},
  };
  return all;
}

const EstimatorInfo& estimator_info(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(':'));
  const auto& all = estimators_by_name();
  const auto at =
      std::ranges::find_if(all, [&](const EstimatorInfo& e) { return plain_name(e) == name; });
  if (at == all.end()) refuse_name(name);
  return *at;
}

AnyEstimator estimator_by_name(std::string_view text, const EstimatorDefaults& d) {
  const Parts p(text);
  const std::string_view name = p.name();
  const auto pairs = [&](std::size_t most) {
    p.expect(1, most);
    return static_cast<int>(p.whole(1, 1, 1));
  };
  const auto reverse = [&](Order order, std::int64_t truncation, std::int64_t segment) {
    return AnyEstimator(Reverse{.order = order, .truncation = truncation, .segment = segment});
  };
  const auto plain = [&](const AnyEstimator& e) {
    p.expect(0, 0);
    return e;
  };
  const auto windowed = [&](WindowedEs::Kind kind) {
    const int n = pairs(2);
    return WindowedEs{
        .kind = kind, .pairs = n, .sigma = d.sigma, .length = p.whole(2, d.window, 1)};
  };
  const auto es = [&](Es::Kind kind) {
    return Es{.pairs = pairs(1), .sigma = d.sigma, .kind = kind};
  };
  const auto fixed_point = [&](Solver solver) {
    p.expect(1, 1);
    return FixedPoint{.solver = solver, .iterations = static_cast<int>(p.whole(1, 1, 0))};
  };
  if (name == "exact") return plain(reverse(Order::exact, 0, 0));
  if (name == "exact-hvp") return plain(reverse(Order::exact, 0, 1));
  if (name == "checkpointed") {
    p.expect(0, 1);
    return reverse(Order::exact, 0, p.whole(1, checkpoint_segment, 1));
  }
  if (name == "first") return plain(reverse(Order::first, 0, 0));
  if (name == "truncated" || name == "truncated-first") {
    p.expect(1, 1);
    return reverse(name == "truncated" ? Order::exact : Order::first, p.whole(1, 1, 1), 0);
  }
  if (name == "artbp") {
    p.expect(1, 1);
    return Artbp{.cut = p.number(1, 0, 0, 0.999999)};
  }
  if (name == "roulette" || name == "single-term") {
    p.expect(1, 1);
    return RandomHorizon{
        {.kind = name == "roulette" ? Telescoping::Kind::roulette : Telescoping::Kind::single,
         .q = p.number(1, 0, 1e-6, 0.999999)}};
  }
  if (name == "forward") {
    p.expect(0, 1);
    return Forward{.directions = static_cast<int>(p.whole(1, 0, 1))};
  }
  if (name == "uoro") return plain(Uoro{});
  if (name == "es") return es(Es::Kind::antithetic);
  if (name == "es-baseline") return es(Es::Kind::baseline);
  if (name == "es-one-sided") return es(Es::Kind::one_sided);
  if (name == "truncated-es") return windowed(WindowedEs::Kind::truncated);
  if (name == "pes") return windowed(WindowedEs::Kind::persistent);
  if (name == "nres") return windowed(WindowedEs::Kind::reused);
  if (name == "cg") return fixed_point(Solver::conjugate_gradient);
  if (name == "neumann") return fixed_point(Solver::neumann);
  refuse_name(name);
}

}  // namespace metatape::metalearn
