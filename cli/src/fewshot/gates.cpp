#include "gates.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "metatape/autodiff/tape.hpp"
#include "metatape/metalearn/fewshot/lstm_learner.hpp"

namespace metatape::cli {

namespace {

using metalearn::TensorGates;

// The first part of "block0.conv.weight": tensors of one layer stand next to each other.
std::string layer_of(const std::string& tensor) { return tensor.substr(0, tensor.find('.')); }

// Of a step, what `of` picks: means over each layer's weights.
template <class Of>
std::vector<double> by_layer(const std::vector<TensorGates>& step, const Params& start,
                             const std::vector<std::string>& layers, const Of& of) {
  std::vector<double> means(layers.size()), weights(layers.size());
  for (const TensorGates& t : step) {
    const auto layer =
        static_cast<std::size_t>(std::ranges::find(layers, layer_of(t.tensor)) - layers.begin());
    const auto size = static_cast<double>(start[t.tensor].size());
    means[layer] += size * of(t);
    weights[layer] += size;
  }
  for (std::size_t i = 0; i < means.size(); ++i) means[i] /= weights[i];
  return means;
}

// Episode after episode into running mean, least and largest.
void see(Figure& figure, std::size_t layer, std::size_t step, double value, int episode) {
  Series& s = figure.series[layer];
  if (episode == 0) {
    s.x.push_back(static_cast<double>(step + 1));
    s.y.push_back(value);
    s.low.push_back(value);
    s.high.push_back(value);
    return;
  }
  s.y[step] += (value - s.y[step]) / (episode + 1);
  s.low[step] = std::min(s.low[step], value);
  s.high[step] = std::max(s.high[step], value);
}

}  // namespace

void require_gates(const LoadedRun& run) {
  if (!run.learner.get_if<metalearn::LstmLearner>())
    throw UsageError(fmt::format("--gates: {} ({}) has none: that is for the learner lstm",
                                 run.folder, run.learner.name()));
}

GateFigures gates_over(const LoadedRun& run, const tasks::EpisodeSampler& sampler, int episodes,
                       Threads& threads) {
  const auto& learner = *run.learner.get_if<metalearn::LstmLearner>();
  const Params start = run.trained.phi.inside("start");
  std::vector<std::string> layers;
  for (const ParamEntry& e : start.entries())
    if (const std::string layer = layer_of(e.name); layers.empty() || layers.back() != layer)
      layers.push_back(layer);
  GateFigures figures{.forget = {.title = "What is kept of a weight, by layer",
                                 .x_label = "step on the support set",
                                 .y_label = "forget gate"},
                      .input = {.title = "How far a step goes, by layer",
                                .x_label = "step on the support set",
                                .y_label = "input gate"}};
  for (Figure* f : {&figures.forget, &figures.input})
    for (const std::string& layer : layers) f->series.push_back({.name = layer});

  Tape tape(Recording::off, &threads);
  for (int i = 0; i < episodes; ++i) {
    const tasks::Episode e = sampler.episode(static_cast<std::uint64_t>(i));
    const auto steps =
        learner.gates(tape, run.trained.phi, e.support, e.support_labels, learner.fixed_way());
    for (std::size_t step = 0; step < steps.size(); ++step) {
      const auto forget =
          by_layer(steps[step], start, layers, [](const TensorGates& t) { return t.forget; });
      const auto input =
          by_layer(steps[step], start, layers, [](const TensorGates& t) { return t.input; });
      for (std::size_t l = 0; l < layers.size(); ++l) {
        see(figures.forget, l, step, forget[l], i);
        see(figures.input, l, step, input[l], i);
      }
    }
  }
  return figures;
}

}  // namespace metatape::cli
