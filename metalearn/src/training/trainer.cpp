#include "metatape/metalearn/training/trainer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/machine.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/metalearn/optimizers/clip.hpp"

namespace metatape::metalearn {

namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string text(Key key) { return fmt::format("{:016x}{:016x}", key.words()[0], key.words()[1]); }

std::string carry_name(int slot) { return fmt::format("carry.{}", slot); }

}  // namespace

struct Trainer::State {
  MetaObjective objective;
  TrainerOptions options;
  Key key;
  Threads* threads;

  Params phi, optimizer;
  std::vector<Params> carries;
  std::int64_t done = 0;
  std::size_t peak = 0;  // of tapes that objectives keep themselves

  std::vector<std::unique_ptr<Tape>> tapes;  // one a worker
  std::vector<MetaStep> answers;             // one a slot

  [[nodiscard]] std::vector<Params> parts() const;
  [[nodiscard]] std::map<std::string, std::string> position() const;

  void ask(int slot, Tape& tape) {
    const auto at = static_cast<std::size_t>(slot);
    const Tape::Scope scope(tape);
    answers[at] = objective.step(tape, phi, carries[at],
                                 {.key = key.split("step", static_cast<std::uint64_t>(done))
                                             .split(static_cast<std::uint64_t>(slot)),
                                  .step = done,
                                  .slot = slot,
                                  .batch = options.batch});
  }
};

Trainer::Trainer(MetaObjective objective, Params phi, TrainerOptions options, Key key,
                 Threads* threads)
    : state_(std::make_unique<State>()) {
  if (options.batch < 1)
    throw DataError(fmt::format("training: batch {}: at least 1 is needed", options.batch));
  State& s = *state_;
  s.objective = std::move(objective);
  s.options = std::move(options);
  s.key = key;
  s.threads = threads;
  s.phi = std::move(phi);
  s.optimizer = s.options.optimizer.init_state(s.phi);
  for (int slot = 0; slot < s.options.batch; ++slot)
    s.carries.push_back(
        s.objective.init
            ? s.objective.init(s.phi, key.split("carry", static_cast<std::uint64_t>(slot)))
            : Params{});
  const int workers = s.options.batch > 1 && threads ? threads->count() : 1;
  for (int w = 0; w < workers; ++w)
    s.tapes.push_back(std::make_unique<Tape>(TapeOptions{.threads = threads}));
  s.answers.resize(static_cast<std::size_t>(s.options.batch));
}

Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;

StepReport Trainer::step() {
  const SubnormalsAsZero quick;
  State& s = *state_;
  if (s.tapes.size() == 1) {
    for (int slot = 0; slot < s.options.batch; ++slot) s.ask(slot, *s.tapes[0]);
  } else {
    // a slot runs wholly in one worker: what it computes does not depend on which
    s.threads->run(s.options.batch, [&](std::int64_t slot, int worker) {
      s.ask(static_cast<int>(slot), *s.tapes[static_cast<std::size_t>(worker)]);
    });
  }

  StepReport report{.step = s.done + 1, .rate_scale = s.options.schedule(s.done)};
  const double share = 1.0 / s.options.batch;
  report.measures = s.answers[0].measures;
  if (s.options.clip_each > 0)
    for (MetaStep& a : s.answers) clip_by_norm(a.gradient, s.options.clip_each);
  Params& gradient = s.answers[0].gradient;
  for (const MetaStep& a : s.answers) {
    report.loss += share * a.loss;
    s.peak = std::max(s.peak, a.tape_bytes);
    if (&a == &s.answers[0]) continue;
    gradient.add_scaled(1, a.gradient);
    for (std::size_t i = 0; i < report.measures.size(); ++i)
      report.measures[i].second += a.measures.at(i).second;
  }
  if (s.options.batch > 1) {
    gradient.scale(share);
    for (auto& [name, value] : report.measures) value *= share;
  }
  report.gradient_norm = gradient.norm();
  if (!std::isfinite(report.loss) || !std::isfinite(report.gradient_norm))
    throw NumericError(
        fmt::format("training: at step {} the loss is {} and its gradient's norm {}; a smaller "
                    "learning rate or "
                    "clipping may help",
                    report.step, report.loss, report.gradient_norm));

  if (s.options.clip > 0) clip_by_norm(gradient, s.options.clip);
  s.options.optimizer.update(s.phi, gradient, s.optimizer, s.done, report.rate_scale);
  for (std::size_t slot = 0; slot < s.answers.size(); ++slot)
    s.carries[slot] = std::move(s.answers[slot].carry);
  s.done += 1;
  return report;
}

const Params& Trainer::phi() const { return state_->phi; }
const std::vector<Params>& Trainer::carries() const { return state_->carries; }
std::int64_t Trainer::steps_done() const { return state_->done; }

std::size_t Trainer::peak_tape_bytes() const {
  std::size_t peak = state_->peak;
  for (const auto& tape : state_->tapes) peak = std::max(peak, tape->memory().peak);
  return peak;
}

std::vector<Params> Trainer::State::parts() const {
  std::vector<Params> all{phi.prefixed("phi"), optimizer.prefixed("optimizer")};
  for (int slot = 0; slot < options.batch; ++slot)
    all.push_back(carries[static_cast<std::size_t>(slot)].prefixed(carry_name(slot)));
  return all;
}

std::map<std::string, std::string> Trainer::State::position() const {
  return {
      {"step", std::to_string(done)}, {"batch", std::to_string(options.batch)}, {"key", text(key)}};
}

nn::Checkpoint Trainer::checkpoint(std::map<std::string, std::string> metadata) const {
  std::map<std::string, std::string> all = state_->position();
  all.merge(metadata);
  return {Params::join(state_->parts()), std::move(all)};
}

void Trainer::save(const std::filesystem::path& path, std::map<std::string, std::string> metadata,
                   const std::vector<Params>& more) const {
  std::vector<Params> parts = state_->parts();
  parts.insert(parts.end(), more.begin(), more.end());
  std::map<std::string, std::string> all = state_->position();
  all.merge(metadata);
  nn::save(path, parts, all);
}

void Trainer::restore(const nn::Checkpoint& checkpoint, const std::string& source) {
  State& s = *state_;
  const auto field = [&](const char* name) -> const std::string& {
    const auto at = checkpoint.metadata.find(name);
    if (at == checkpoint.metadata.end())
      throw DataError(
          fmt::format("{}: no '{}' in its metadata: not a training checkpoint", source, name));
    return at->second;
  };
  if (field("key") != text(s.key))
    throw DataError(fmt::format("{}: made by a run of another seed or kind", source));
  if (field("batch") != std::to_string(s.options.batch))
    throw DataError(fmt::format("{}: made with batches of {}, not {}", source, field("batch"),
                                s.options.batch));
  const std::string& step = field("step");
  if (step.empty() || step.size() > 18 || step.find_first_not_of("0123456789") != std::string::npos)
    throw DataError(fmt::format("{}: step '{}' is no count", source, step));

  const Params phi = part_of(checkpoint, "phi"), optimizer = part_of(checkpoint, "optimizer");
  nn::require_layout(*phi.layout(), *s.phi.layout(), source);
  nn::require_layout(*optimizer.layout(), *s.optimizer.layout(), source);
  std::vector<Params> carries;
  for (int slot = 0; slot < s.options.batch; ++slot)
    carries.push_back(part_of(checkpoint, carry_name(slot)));
  s.phi = phi;
  s.optimizer = optimizer;
  s.carries = std::move(carries);
  s.done = std::stoll(step);
}

double Trainer::measure_seconds(int steps) {
  State& s = *state_;
  const Params phi = s.phi, optimizer = s.optimizer;
  const std::vector<Params> carries = s.carries;
  const std::int64_t done = s.done;
  std::vector<double> seconds;
  for (int i = 0; i < steps; ++i) {
    const double start = now();
    step();
    seconds.push_back(now() - start);
  }
  s.phi = phi;
  s.optimizer = optimizer;
  s.carries = carries;
  s.done = done;
  std::ranges::sort(seconds);
  return seconds.empty() ? 0 : seconds[seconds.size() / 2];
}

Params part_of(const nn::Checkpoint& checkpoint, std::string_view name) {
  return checkpoint.params.inside(name);
}

LoopEnd run(Trainer& trainer, const LoopOptions& options) {
  const double start = now();
  double saved = start;
  std::int64_t validated = options.validated;
  const auto validate = [&] {
    validated = trainer.steps_done();
    options.validate(validated);
  };
  const auto due = [&] {
    const std::int64_t done = trainer.steps_done();
    return options.validate && options.validate_every > 0 && done > validated &&
           (done == 1 || done % options.validate_every == 0);
  };
  const std::int64_t first = trainer.steps_done();
  if (due()) validate();
  LoopEnd end = LoopEnd::done;
  while (trainer.steps_done() < options.steps) {
    if (options.stop && options.stop()) {
      end = LoopEnd::stopped;
      break;
    }
    if (options.seconds > 0 && now() - start >= options.seconds) {
      end = LoopEnd::out_of_time;
      break;
    }
    const StepReport report = trainer.step();
    if (options.report) options.report(report);
    if (due()) validate();
    if (options.save && now() - saved >= options.save_every) {
      options.save();
      saved = now();
    }
  }
  if (options.validate && options.validate_last && end != LoopEnd::stopped &&
      trainer.steps_done() > std::max(first, validated))
    validate();
  if (options.save) options.save();
  return end;
}

}  // namespace metatape::metalearn
