// evolution.cpp: perturbed runs, in parallel; their shares are summed in the order of the pairs.
#include "metatape/metalearn/estimators/evolution.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metatape/autodiff/error.hpp"
#include "walk.hpp"

namespace metatape::metalearn {

namespace {

void require_sound(const std::string& name, int pairs, double sigma) {
  if (pairs < 1) throw DataError(fmt::format("{}: {} pairs: 1 or more expected", name, pairs));
  if (!(sigma > 0) || !std::isfinite(sigma))
    throw DataError(fmt::format("{}: sigma {}: above 0 expected", name, sigma));
}

// ε of a pair and window.
Params noise(const Params& phi, Key key, std::int64_t pair, std::int64_t window) {
  const Key of = key.split("particle", static_cast<std::uint64_t>(pair))
                     .split(static_cast<std::uint64_t>(window));
  return {phi.layout(), normal({phi.size()}, of, phi.dtype())};
}

Params moved(const Params& phi, double by, const Params& noise) {
  Params p = phi;
  p.add_scaled(by, noise);
  return p;
}

// What one pair says.
struct Answer {
  double loss = 0;   // mean of its runs
  double slope = 0;  // along its ε
  std::optional<std::int64_t> diverged{};
};

// Σ slope_i ε_i / pairs, in order; the first that diverged ends it.
Estimate gathered(const Params& phi, const std::vector<Answer>& answers,
                  const std::function<const Params&(std::size_t)>& weight) {
  Estimate e{.gradient = phi.zeros_like()};
  const double share = 1 / static_cast<double>(answers.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].diverged) return detail::lost(phi, *answers[i].diverged);
    e.loss += answers[i].loss * share;
    e.gradient.add_scaled(answers[i].slope * share, weight(i));
  }
  return e;
}

// Row i of a stack, as Params.
Params row_of(const Tensor& stack, std::int64_t i, const std::shared_ptr<const Layout>& layout) {
  return {layout, stack.window(i * layout->size(), Shape{layout->size()})};
}
Tensor stacked(const std::vector<Params>& rows, std::int64_t width, DType dtype) {
  Tensor all = Tensor::uninitialised({static_cast<std::int64_t>(rows.size()), width}, dtype);
  visit(dtype, [&]<class T>(T) {
    auto to = all.mutable_values<T>().begin();
    for (const Params& r : rows) to = std::ranges::copy(r.flat().values<T>(), to).out;
  });
  return all;
}

}  // namespace

// ---- whole runs

std::string Es::name() const {
  constexpr const char* names[] = {"es", "es-baseline", "es-one-sided"};
  return detail::numbered(names[static_cast<int>(kind)], pairs);
}

Params Es::begin(const Dynamics& run, const Params&, Key) const {
  require_sound(name(), pairs, sigma);
  return run.start;
}

Estimate Es::advance(const Dynamics& run, const Params& phi, Window window, Key key,
                     UnrollScratch& scratch, Params& carry) const {
  std::vector<Answer> answers(static_cast<std::size_t>(pairs));
  std::vector<Params> eps(answers.size());
  const auto loss_at = [&](const Params& at, Tape& tape, Answer& a) {
    const detail::Walked w = detail::walk(run, at, carry, window, tape);
    if (w.diverged) a.diverged = w.diverged;
    return w.loss;
  };
  Answer base;
  double base_loss = 0;
  if (kind == Kind::baseline) base_loss = loss_at(phi, scratch.tape(), base);
  if (base.diverged) return detail::lost(phi, *base.diverged);
  scratch.each(pairs, [&](std::int64_t i, Tape& tape) {
    Answer& a = answers[static_cast<std::size_t>(i)];
    Params& e = eps[static_cast<std::size_t>(i)];
    e = noise(phi, key, i, 0);
    const double plus = loss_at(moved(phi, sigma, e), tape, a);
    a.loss = plus;
    if (kind == Kind::antithetic) {
      const double minus = loss_at(moved(phi, -sigma, e), tape, a);
      a.loss = (plus + minus) / 2;
      a.slope = (plus - minus) / (2 * sigma);
    } else {
      a.slope = (plus - base_loss) / sigma;
    }
  });
  return gathered(phi, answers, [&](std::size_t i) -> const Params& { return eps[i]; });
}

// ---- windows

std::string WindowedEs::name() const {
  constexpr const char* names[] = {"truncated-es", "pes", "nres"};
  return fmt::format("{}:{}:{}", names[static_cast<int>(kind)], pairs, length);
}

std::int64_t WindowedEs::window(std::int64_t) const { return length; }

Params WindowedEs::begin(const Dynamics& run, const Params& phi, Key) const {
  require_sound(name(), pairs, sigma);
  if (length < 1)
    throw DataError(fmt::format("{}: windows of {} steps: 1 or more expected", name(), length));
  if (kind == Kind::truncated) return run.start;
  const std::vector<Params> starts(static_cast<std::size_t>(pairs), run.start);
  const Tensor all = stacked(starts, run.start.size(), run.start.dtype());
  std::vector<std::pair<std::string, Tensor>> tensors{{"plus", all}, {"minus", all}};
  if (kind == Kind::persistent)
    tensors.emplace_back("sums", Tensor::zeros({pairs, phi.size()}, phi.dtype()));
  return Params(tensors);
}

Estimate WindowedEs::advance(const Dynamics& run, const Params& phi, Window window, Key key,
                             UnrollScratch& scratch, Params& carry) const {
  const auto count = static_cast<std::size_t>(pairs);
  const bool shared = kind == Kind::truncated;
  std::vector<Answer> answers(count);
  std::vector<Params> weights(count), plus(count), minus(count);
  const Tensor none;
  const Tensor all_plus = shared ? none : carry["plus"], all_minus = shared ? none : carry["minus"];
  const Tensor sums = kind == Kind::persistent ? carry["sums"] : none;
  const auto layout = run.start.layout();
  scratch.each(pairs, [&](std::int64_t i, Tape& tape) {
    const auto at = static_cast<std::size_t>(i);
    const Params e = noise(phi, key, i, kind == Kind::reused ? 0 : window.from);
    const auto go = [&](double by, const Tensor& all, Params& end) {
      const detail::Walked w = detail::walk(run, moved(phi, by, e),
                                            shared ? carry : row_of(all, i, layout), window, tape);
      if (w.diverged) answers[at].diverged = w.diverged;
      end = w.state;
      return w.loss;
    };
    const double up = go(sigma, all_plus, plus[at]), down = go(-sigma, all_minus, minus[at]);
    answers[at].loss = (up + down) / 2;
    answers[at].slope = (up - down) / (2 * sigma);
    weights[at] = e;
    if (kind == Kind::persistent) weights[at].add_scaled(1, row_of(sums, i, phi.layout()));
  });
  Estimate estimate =
      gathered(phi, answers, [&](std::size_t i) -> const Params& { return weights[i]; });
  estimate.kept_bytes = detail::bytes_of(carry);
  if (estimate.diverged) return estimate;
  if (shared) {
    const detail::Walked w = detail::walk(run, phi, carry, window, scratch.tape());
    if (w.diverged) return detail::lost(phi, *w.diverged);
    carry = w.state;
    return estimate;
  }
  std::vector<std::pair<std::string, Tensor>> tensors{
      {"plus", stacked(plus, layout->size(), run.start.dtype())},
      {"minus", stacked(minus, layout->size(), run.start.dtype())}};
  if (kind == Kind::persistent)
    tensors.emplace_back("sums", stacked(weights, phi.size(), phi.dtype()));
  carry = Params(tensors);
  return estimate;
}

}  // namespace metatape::metalearn
