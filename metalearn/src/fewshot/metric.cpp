#include "metatape/metalearn/fewshot/metric.hpp"

#include <fmt/format.h>

#include "metatape/autodiff/bound.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/autodiff/gradients.hpp"
#include "metatape/autodiff/ops.hpp"
#include "metatape/autodiff/tape.hpp"
#include "metatape/nn/losses.hpp"

namespace metatape::metalearn {

void AnyLearner::no_embedding(const std::string& name) {
  throw DataError("learner '" + name + "' has no embedding of single images");
}

namespace {

std::vector<std::vector<std::int32_t>> members(const Indices& labels, int way) {
  std::vector<std::vector<std::int32_t>> of(static_cast<std::size_t>(way));
  for (std::int64_t i = 0; i < labels.size(); ++i) {
    if (labels[i] < 0 || labels[i] >= way)
      throw DataError(
          fmt::format("support label {} at {}: 0 to {} expected", labels[i], i, way - 1));
    of[static_cast<std::size_t>(labels[i])].push_back(static_cast<std::int32_t>(i));
  }
  for (std::size_t k = 0; k < of.size(); ++k)
    if (of[k].empty()) throw DataError(fmt::format("support: no image of class {} of {}", k, way));
  return of;
}

// Rows in the order class by class, equally many of each?
bool regular(const Indices& labels, int way) {
  if (labels.size() == 0 || labels.size() % way != 0) return false;
  const std::int64_t each = labels.size() / way;
  for (std::int64_t i = 0; i < labels.size(); ++i)
    if (labels[i] != i / each) return false;
  return true;
}

Indices class_by_class(int way, int each) {
  std::vector<std::int32_t> labels;
  for (int c = 0; c < way; ++c) labels.insert(labels.end(), static_cast<std::size_t>(each), c);
  return Indices(std::move(labels));
}

}  // namespace

Var squared_distances(Var a, Var b) {
  const Var aa = sum(square(a), {1}, Keep::yes), bb = sum(square(b), {1});
  return aa + bb - 2.0 * matmul(a, b, Transpose::no, Transpose::yes);
}

Var cosine_similarities(Var a, Var b) {
  const auto unit = [](Var x) { return x * rsqrt(sum(square(x), {1}, Keep::yes) + 1e-8); };
  return matmul(unit(a), unit(b), Transpose::no, Transpose::yes);
}

Var class_means(Var x, const Indices& labels, int way) {
  const auto of = members(labels, way);
  if (regular(labels, way)) {
    const std::int64_t each = labels.size() / way;
    return each == 1 ? x : mean(reshape(x, {way, each, x.shape()[1]}), {1});
  }
  std::vector<Var> means;
  for (const auto& m : of) means.push_back(mean(gather(x, Indices(m)), {0}));
  return stack(means);
}

Var class_logsumexp(Var x, const Indices& labels, int way) {
  const auto of = members(labels, way);
  if (regular(labels, way)) {
    const std::int64_t each = labels.size() / way;
    return each == 1 ? x : logsumexp(reshape(x, {x.shape()[0], way, each}), {2});
  }
  std::vector<Var> sums;
  for (const auto& m : of) sums.push_back(logsumexp(gather(x, Indices(m), 1), {1}));
  return stack(sums, 1);
}

// Of Pairing::all: each image is a class of one support to every image, which gives scores [n, n].
// Drawing by drawing, in each class by class, a row of them holds for each drawing j the decision
// by the support set {drawing j of every class}; those of an image by its own drawing are left out.
PairedLoss paired_loss(Pairing pairing, const Logits& logits, Var embedded, int way, int shot,
                       int query) {
  const std::int64_t supports = std::int64_t{way} * shot,
                     all = supports + std::int64_t{way} * query;
  if (embedded.shape().rank() != 2 || embedded.shape()[0] != all)
    throw ShapeError(fmt::format(
        "episode: embedded images {}: {} rows are expected ({} classes, {} + {} images)",
        to_string(embedded.shape()), all, way, shot, query));
  if (pairing == Pairing::episode) {
    const Indices labels = class_by_class(way, query);
    const Var scores = logits(rows(embedded, 0, supports), class_by_class(way, shot), way,
                              rows(embedded, supports, all));
    return {softmax_cross_entropy(scores, labels), nn::accuracy(scores, labels)};
  }

  const int drawings = shot + query;
  std::vector<std::int32_t> order;  // drawing by drawing, in each class by class
  for (int j = 0; j < drawings; ++j)
    for (int c = 0; c < way; ++c)
      order.push_back(
          static_cast<std::int32_t>(j < shot ? c * shot + j : supports + c * query + (j - shot)));
  const Var e = gather(embedded, Indices(order));
  const int images = static_cast<int>(all);
  const Var decisions =
      reshape(logits(e, class_by_class(images, 1), images, e), {all * drawings, way});
  std::vector<std::int32_t> chosen, labels;
  for (int i = 0; i < images; ++i)
    for (int j = 0; j < drawings; ++j)
      if (j != i / way) {
        chosen.push_back(i * drawings + j);
        labels.push_back(i % way);
      }
  const Var scores = gather(decisions, Indices(std::move(chosen)));
  const Indices right(std::move(labels));
  return {softmax_cross_entropy(scores, right), nn::accuracy(scores, right)};
}

namespace {

constexpr const char* context_name = "fce";

void require_support_sets(const MetricSettings& s) {
  if (s.context && s.pairing == Pairing::all)
    throw DataError(
        "full context embeddings with pairing 'all': pairing 'episode' is needed, since each "
        "decision must have a support set to be embedded in");
}

// What a support set is compared by: its embeddings, and how those of queries become comparable.
struct Known {
  Var support;
  std::function<Var(Var)> query;
};

// Embeddings as they are, or in the context of the support set.
Known in_context(const MetricSettings& settings, const Bound& p, Var support) {
  if (!settings.context) return {support, [](Var queries) { return queries; }};
  const Bound own = p.inside(context_name);
  const Var known = settings.context->support(own, support);
  return {known, [=, context = *settings.context](Var queries) {
            return context.query(own, known, queries);
          }};
}

}  // namespace

Params MetricSettings::init(Key key) const {
  require_support_sets(*this);
  Params own = network.init(key);
  if (!context) return own;
  return Params::join({own, context->init(key.split(context_name)).prefixed(context_name)});
}

MetaStep metric_objective(const MetricSettings& settings, const Logits& logits, Tape& tape,
                          const Params& phi, const Params& carry, const tasks::Episode& episode,
                          Key key) {
  require_support_sets(settings);
  const int way = static_cast<int>(episode.plan.classes.size());
  const int shot = static_cast<int>(episode.plan.support.size()) / way;
  const int query = static_cast<int>(episode.plan.query.size()) / way;
  const Bound p = bind(tape, phi);
  nn::Mode mode{.training = true, .key = key};

  Var embedded;
  nn::Statistics made;
  if (settings.statistics == StatisticsFrom::support) {
    const nn::Applied support =
        nn::apply(settings.network, p, tape.constant(episode.support), mode);
    made = support.statistics;
    mode.statistics = &support.statistics;
    embedded = concat({support.value, settings.network(p, tape.constant(episode.query), mode)});
  } else {
    nn::Applied both = nn::apply(settings.network, p, tape.constant(episode.images), mode);
    made = std::move(both.statistics);
    embedded = both.value;
  }

  if (settings.context) {
    const std::int64_t supports = std::int64_t{way} * shot;
    const Known known = in_context(settings, p, rows(embedded, 0, supports));
    const Var queries = rows(embedded, supports, embedded.shape()[0]);
    embedded = concat({known.support, known.query(queries)});
  }

  const PairedLoss paired = paired_loss(settings.pairing, logits, embedded, way, shot, query);
  return {.loss = paired.loss.item(),
          .gradient = grad(paired.loss, p),
          .carry = nn::update_running(carry, made.value(), settings.running_weight),
          .measures = {{"accuracy", paired.accuracy}}};
}

Tensor metric_embed(const MetricSettings& settings, Tape& tape, const Params& phi,
                    const Params& carry, const Tensor& images) {
  const Tape::Scope scope(tape);
  const nn::Statistics running = nn::bind_statistics(tape, carry);
  const nn::Mode mode{.statistics = &running};
  return settings.network(bind_constant(tape, phi), tape.constant(images), mode).value();
}

namespace {

// Query by query: the bits of a product's row depend on how many rows there are, and what a query
// is called must not depend on its neighbours.
Tensor one_by_one(const Logits& logits, const Known& known, const Indices& labels, int way,
                  Var queries) {
  std::vector<Var> scores;
  for (std::int64_t i = 0; i < queries.shape()[0]; ++i)
    scores.push_back(
        softmax(logits(known.support, labels, way, known.query(rows(queries, i, i + 1)))));
  return concat(scores).value();
}

}  // namespace

Classifier metric_adapt(const MetricSettings& settings, const Logits& logits, Tape& tape,
                        const Params& phi, const Params& carry, const Tensor& support,
                        const Indices& labels, int way) {
  if (settings.statistics == StatisticsFrom::running) {
    const Tensor embedded = metric_embed(settings, tape, phi, carry, support);
    return [=, &tape](const Tensor& images) {
      const Tape::Scope scope(tape);
      const Known known = in_context(settings, bind_constant(tape, phi), tape.constant(embedded));
      return one_by_one(logits, known, labels, way,
                        tape.constant(metric_embed(settings, tape, phi, carry, images)));
    };
  }
  return [=, &tape](const Tensor& images) {
    const Tape::Scope scope(tape);
    const Bound p = bind_constant(tape, phi);
    const Var s = tape.constant(support), q = tape.constant(images);
    if (settings.statistics == StatisticsFrom::batch) {
      const Var both = settings.network(p, concat({s, q}), nn::Mode{});
      const std::int64_t m = support.shape()[0];
      const Known known = in_context(settings, p, rows(both, 0, m));
      const Var queries = known.query(rows(both, m, both.shape()[0]));
      return softmax(logits(known.support, labels, way, queries)).value();
    }
    const nn::Applied applied = nn::apply(settings.network, p, s);
    const nn::Mode mode{.statistics = &applied.statistics};
    return one_by_one(logits, in_context(settings, p, applied.value), labels, way,
                      settings.network(p, q, mode));
  };
}

}  // namespace metatape::metalearn
