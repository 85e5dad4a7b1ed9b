// metric.hpp: learners that compare embeddings: what prototypical and matching networks share.
// An encoder, the statistics it normalises by, and a loss over an episode. What differs is how a
// query's logits come from the embedded support set.
#pragma once

#include <optional>

#include "metatape/metalearn/fewshot/full_context.hpp"
#include "metatape/metalearn/fewshot/learner.hpp"
#include "metatape/nn/conv_net.hpp"

namespace metatape::metalearn {

/// Which decisions of an episode make the training loss.
enum class Pairing {
  episode,  ///< each query against the support set, as published
  all,      ///< each drawing of a class in turn is its one support, all others are queries:
            ///< shot + query times the decisions from the same images
};

struct MetricSettings {
  nn::ConvNet network = nn::conv5_map();
  StatisticsFrom statistics = StatisticsFrom::running;
  Pairing pairing = Pairing::all;
  double running_weight = 0.1;  ///< of a new episode's statistics in the running ones
  /// What is compared is then embedded in it, with the weights "fce.*"; not with Pairing::all,
  /// which has no support set of its own for each decision (DataError).
  std::optional<FullContext> context{};

  /// First weights of the encoder, and of the context where there is one.
  [[nodiscard]] Params init(Key key) const;
};

// ---- pieces, for learners of one's own ----------------------------------------------------------

/// |a_i - b_j|² of rows: [n, d], [m, d] -> [n, m].
Var squared_distances(Var a, Var b);
/// Cosine of rows, with 1e-8 under the norms: [n, d], [m, d] -> [n, m].
Var cosine_similarities(Var a, Var b);
/// Mean of the rows of each label: [m, d] -> [way, d]. DataError when a label does not occur.
Var class_means(Var x, const Indices& labels, int way);
/// log Σ exp over the columns of each label: [n, m] -> [n, way]. DataError as above.
Var class_logsumexp(Var x, const Indices& labels, int way);

/// Loss and accuracy of the decisions of `pairing`, from embeddings of a whole episode (support,
/// then queries, class by class) by `logits(support, labels, way, query)`.
struct PairedLoss {
  Var loss;
  double accuracy = 0;
};
using Logits = std::function<Var(Var support, const Indices& labels, int way, Var query)>;
PairedLoss paired_loss(Pairing pairing, const Logits& logits, Var embedded, int way, int shot,
                       int query);

// ---- the interface of learner.hpp, given settings and logits ------------------------------------

MetaStep metric_objective(const MetricSettings& settings, const Logits& logits, Tape& tape,
                          const Params& phi, const Params& carry, const tasks::Episode& episode,
                          Key key);
Classifier metric_adapt(const MetricSettings& settings, const Logits& logits, Tape& tape,
                        const Params& phi, const Params& carry, const Tensor& support,
                        const Indices& labels, int way);
Tensor metric_embed(const MetricSettings& settings, Tape& tape, const Params& phi,
                    const Params& carry, const Tensor& images);

}  // namespace metatape::metalearn
