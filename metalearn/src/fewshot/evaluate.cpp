#include "metatape/metalearn/fewshot/evaluate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/autodiff/threads.hpp"
#include "metatape/tasks/episodes/hausdorff.hpp"
#include "metatape/tasks/episodes/pixels.hpp"

namespace metatape::metalearn {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

// One tape a worker, to evaluate on.
class Tapes {
 public:
  Tapes(const Threads* threads, Recording recording) {
    for (int w = 0; w < (threads ? threads->count() : 1); ++w)
      tapes_.push_back(std::make_unique<Tape>(recording));
  }
  Tape& operator[](int worker) const { return *tapes_[at(worker)]; }

 private:
  std::vector<std::unique_ptr<Tape>> tapes_;
};

template <class F>
void each_block(Threads* threads, std::int64_t blocks, F&& f) {
  if (threads) return threads->run(blocks, f);
  for (std::int64_t b = 0; b < blocks; ++b) f(b, 0);
}

std::vector<int> largest(const Tensor& scores) {
  const std::span<const float> v = scores.values<float>();
  const std::size_t k = at(scores.shape()[1]);
  std::vector<int> best;
  for (std::size_t i = 0; i < v.size(); i += k)
    best.push_back(
        static_cast<int>(std::max_element(v.begin() + static_cast<std::ptrdiff_t>(i),
                                          v.begin() + static_cast<std::ptrdiff_t>(i + k)) -
                         v.begin() - static_cast<std::ptrdiff_t>(i)));
  return best;
}

}  // namespace

Indices EmbeddedSplit::positions(std::span<const int> images) const {
  std::vector<std::int32_t> p;
  for (const int image : images) p.push_back(slots.at(at(image)));
  return Indices(std::move(p));
}

EmbeddedSplit embed_split(const AnyLearner& learner, const Trained& trained,
                          const tasks::EpisodeSampler& sampler, Threads* threads) {
  const Tapes tapes(threads, Recording::off);
  constexpr std::int64_t block = 64;  // images at once, whatever the number of threads
  const std::vector<int> images = sampler.split().images();
  const auto n = std::ssize(images);
  EmbeddedSplit table{{}, std::vector<std::int32_t>(at(sampler.split().set->images()), -1)};
  for (std::int64_t i = 0; i < n; ++i)
    table.slots[at(images[at(i)])] = static_cast<std::int32_t>(i);
  std::vector<Tensor> parts(at((n + block - 1) / block));
  each_block(threads, std::ssize(parts), [&](std::int64_t b, int worker) {
    const auto first = images.begin() + b * block;
    const std::vector<int> some(first, images.begin() + std::min(n, (b + 1) * block));
    parts[at(b)] =
        learner.embed(tapes[worker], trained.phi, trained.carry, sampler.renderer().images(some));
  });
  if (parts.empty()) return table;
  const std::int64_t features = parts[0].shape()[1];
  table.rows = Tensor::uninitialised({n, features});
  const std::span<float> rows = table.rows.mutable_values<float>();
  for (std::size_t b = 0; b < parts.size(); ++b)
    std::ranges::copy(parts[b].values<float>(),
                      rows.begin() + static_cast<std::ptrdiff_t>(b) * block * features);
  return table;
}

Answers learner_answers(const AnyLearner& learner, const Trained& trained,
                        std::shared_ptr<const tasks::EpisodeSampler> sampler, Threads* threads,
                        std::shared_ptr<const EmbeddedSplit> embedded) {
  const tasks::EpisodeOptions& o = sampler->options();
  // learners that take gradients find a warm tape that records
  auto tapes = std::make_shared<const Tapes>(
      threads, learner.embeds_alone() ? Recording::off : Recording::on);
  if (!learner.embeds_alone() || o.rotations != tasks::Rotations::none || o.augment)
    return [=](const tasks::EpisodePlan& plan, int worker) {
      Tape& tape = (*tapes)[worker];
      const Tape::Scope scope(tape);
      const tasks::Episode e = sampler->episode(plan.index);
      Tensor p = learner.adapt(tape, trained.phi, trained.carry, e.support, e.support_labels,
                               o.way)(e.query);
      return EpisodeAnswers{largest(p), std::move(p)};
    };

  if (!embedded)
    embedded =
        std::make_shared<const EmbeddedSplit>(embed_split(learner, trained, *sampler, threads));
  const Indices labels = sampler->labels(o.shot);
  return [=](const tasks::EpisodePlan& plan, int worker) {
    Tape& tape = (*tapes)[worker];
    const Tape::Scope scope(tape);
    const Var all = tape.constant(embedded->rows);
    const Var logits = learner.logits(gather(all, embedded->positions(plan.support)), labels, o.way,
                                      gather(all, embedded->positions(plan.query)));
    return EpisodeAnswers{largest(logits.value()), softmax(logits).value()};
  };
}

Answers pixel_answers(const tasks::EpisodeSampler& sampler, bool centred, Threads* threads) {
  auto neighbours = std::make_shared<const tasks::PixelNeighbours>(
      sampler.split(), tasks::RenderOptions{.size = sampler.options().size, .centre = centred},
      threads);
  return [=](const tasks::EpisodePlan& plan, int) {
    return EpisodeAnswers{.labels = neighbours->answers(plan)};
  };
}

Answers hausdorff_answers(std::shared_ptr<const tasks::EpisodeSampler> sampler) {
  return [=](const tasks::EpisodePlan& plan, int) {
    return EpisodeAnswers{.labels = tasks::hausdorff_answers(*sampler->split().set, plan)};
  };
}

Evaluation summarise(std::vector<double> accuracies) {
  Evaluation e{.accuracies = std::move(accuracies)};
  const auto n = static_cast<double>(e.accuracies.size());
  for (const double a : e.accuracies) e.accuracy += a / n;
  double square = 0;
  for (const double a : e.accuracies) square += (a - e.accuracy) * (a - e.accuracy);
  e.ci95 =
      n > 1 ? 1.96 * std::sqrt(square / (n - 1) / n) : std::numeric_limits<double>::quiet_NaN();
  return e;
}

Evaluation evaluate(const Answers& answers, const tasks::EpisodeSampler& sampler, int episodes,
                    const EvaluateOptions& options) {
  if (episodes < 1)
    throw DataError(fmt::format("evaluate: {} episodes: at least 1 is needed", episodes));
  constexpr int batch = 64;  // between questions whether to stop
  std::vector<double> accuracies;
  for (int first = 0; first < episodes && !(options.stop && options.stop()); first += batch) {
    const int n = std::min(batch, episodes - first);
    accuracies.resize(at(first + n));
    std::vector<std::pair<tasks::EpisodePlan, EpisodeAnswers>> seen(at(options.observe ? n : 0));
    each_block(options.threads, n, [&](std::int64_t i, int worker) {
      tasks::EpisodePlan plan = sampler.plan(static_cast<std::uint64_t>(first + i));
      EpisodeAnswers given = answers(plan, worker);
      accuracies[at(first + i)] = tasks::share_right(given.labels, plan.classes.size());
      if (options.observe) seen[at(i)] = {std::move(plan), std::move(given)};
    });
    for (const auto& [plan, given] : seen) options.observe(plan, given);
    if (options.progress) options.progress(first + n);
  }
  return summarise(std::move(accuracies));
}

Evaluation evaluate(const AnyLearner& learner, const Trained& trained,
                    std::shared_ptr<const tasks::EpisodeSampler> sampler, int episodes,
                    const EvaluateOptions& options) {
  const Answers answers = learner_answers(learner, trained, sampler, options.threads);
  return evaluate(answers, *sampler, episodes, options);
}

std::vector<double> one_shot_errors(const tasks::OneShotTask& task,
                                    const tasks::RenderOptions& render,
                                    const OneShotAnswers& answers) {
  const tasks::Renderer renderer(task.set, render);
  std::vector<double> errors;
  for (std::size_t r = 0; r < task.runs.size(); ++r)
    errors.push_back(task.error_percent(
        r, answers(renderer.images(task.runs[r].training), renderer.images(task.runs[r].test))));
  return errors;
}

OneShotAnswers one_shot_learner(const AnyLearner& learner, const Trained& trained, Threads* threads,
                                OneShotPath path) {
  auto tape =
      std::make_shared<Tape>(learner.embeds_alone() ? Recording::off : Recording::on, threads);
  const bool alone = path == OneShotPath::one_by_one || learner.transductive();
  return [=](const Tensor& training, const Tensor& test) {
    const Tape::Scope scope(*tape);
    const auto n = static_cast<std::int32_t>(training.shape()[0]);
    std::vector<std::int32_t> counted;
    for (std::int32_t i = 0; i < n; ++i) counted.push_back(i);
    const Indices labels(std::move(counted));
    const auto embed = [&](const Tensor& images, std::int64_t i) {
      return tape->constant(
          learner.embed(*tape, trained.phi, trained.carry, images.rows(i, i + 1)));
    };
    std::vector<int> answers;
    if (alone && learner.embeds_alone()) {
      std::vector<Var> known;
      for (std::int64_t i = 0; i < n; ++i) known.push_back(embed(training, i));
      const Var support = concat(known);
      for (std::int64_t i = 0; i < test.shape()[0]; ++i) {
        const Tape::Scope one(*tape);
        answers.push_back(largest(learner.logits(support, labels, n, embed(test, i)).value())[0]);
      }
      return answers;
    }
    const Classifier classify =
        learner.adapt(*tape, trained.phi, trained.carry, training, labels, n);
    if (!alone) return largest(classify(test));
    for (std::int64_t i = 0; i < test.shape()[0]; ++i)
      answers.push_back(largest(classify(test.rows(i, i + 1)))[0]);
    return answers;
  };
}

OneShotAnswers one_shot_pixels() {
  return [](const Tensor& training, const Tensor& test) {
    std::vector<std::int32_t> labels;
    for (std::int64_t i = 0; i < training.shape()[0]; ++i)
      labels.push_back(static_cast<std::int32_t>(i));
    return tasks::nearest_pixels(training, Indices(std::move(labels)), test);
  };
}

}  // namespace metatape::metalearn
