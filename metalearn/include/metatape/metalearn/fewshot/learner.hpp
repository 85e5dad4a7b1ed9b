// learner.hpp: what a few-shot learner is.
// It has weights φ; it is trained by episodes; given a support set it becomes a classifier of that
// set's classes. How it gets there (distances in an embedding, gradient steps, a learned update) is
// its own business: everything that trains, evaluates or uses one sees this interface alone.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>

#include "metatape/autodiff/indices.hpp"
#include "metatape/autodiff/var.hpp"
#include "metatape/metalearn/training/meta_objective.hpp"
#include "metatape/tasks/episodes/sampler.hpp"

namespace metatape::metalearn {

/// Whose batch statistics normalise the queries.
enum class StatisticsFrom {
  batch,  ///< the episode's own, support and queries together: transductive, since what a query is
          ///< called then depends on the other queries
  support,  ///< the support set's
  running,  ///< averages over the training episodes
};

/// Images [n, size, size, channels] -> probabilities [n, way]; rows sum to 1.
using Classifier = std::function<Tensor(const Tensor& images)>;

/// Any type with these is one; nothing to inherit from. Calls may come from several threads at
/// once.
template <class L>
concept FewShotLearner = requires(const L& learner, Key key, Tape& tape, const Params& phi,
                                  const Params& carry, const tasks::Episode& episode,
                                  const Tensor& images, const Indices& labels) {
  { learner.name() } -> std::convertible_to<std::string>;
  /// First weights.
  { learner.init(key) } -> std::same_as<Params>;
  /// Loss of an episode and its gradient; `carry` is what the episodes before left (running
  /// statistics), empty at first.
  { learner.objective(tape, phi, carry, episode, key) } -> std::same_as<MetaStep>;
  /// A classifier of `way` classes from a support set with labels 0 .. way - 1, each at least
  /// once. It uses the tape, which must outlive it and stay with one thread.
  { learner.adapt(tape, phi, carry, images, labels, int{}) } -> std::same_as<Classifier>;
  { learner.transductive() } -> std::same_as<bool>;
};

/// Optional member: `int fixed_way()`, the number of classes that a learner tells apart, where its
/// network has a head of so many; other episodes are a DataError.

/// Learners that only compare embeddings, image by image, give the embedding too: then each image
/// of a split is embedded once, and any number of episodes costs next to nothing.
template <class L>
concept EmbeddingLearner = FewShotLearner<L> &&
    requires(const L& learner, Tape& tape, const Params& phi, const Params& carry,
             const Tensor& images, Var embedded, const Indices& labels) {
  /// True when an image's embedding depends on nothing but the image.
  { learner.embeds_alone() } -> std::same_as<bool>;
  /// [n, ...] -> [n, features].
  { learner.embed(tape, phi, carry, images) } -> std::same_as<Tensor>;
  /// Embedded support [m, d] with labels, embedded queries [n, d] -> [n, way].
  { learner.logits(embedded, labels, int{}, embedded) } -> std::same_as<Var>;
};

/// Any few-shot learner, as a value; copies share it.
class AnyLearner {
 public:
  AnyLearner() = default;
  template <FewShotLearner L>
  requires(!std::same_as<L, AnyLearner>) AnyLearner(L learner)
      : self_(std::make_shared<const Model<L>>(std::move(learner))) {
  }  // NOLINT(google-explicit-constructor): a learner is one

  [[nodiscard]] std::string name() const { return self_->name(); }
  [[nodiscard]] Params init(Key key) const { return self_->init(key); }
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const {
    return self_->objective(tape, phi, carry, episode, key);
  }
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const {
    return self_->adapt(tape, phi, carry, support, labels, way);
  }
  [[nodiscard]] bool transductive() const { return self_->transductive(); }
  [[nodiscard]] int fixed_way() const { return self_->fixed_way(); }  ///< 0: any number
  /// False for learners that are no EmbeddingLearner; embed and logits are for the others.
  [[nodiscard]] bool embeds_alone() const { return self_->embeds_alone(); }
  [[nodiscard]] Tensor embed(Tape& tape, const Params& phi, const Params& carry,
                             const Tensor& images) const {
    return self_->embed(tape, phi, carry, images);
  }
  [[nodiscard]] Var logits(Var support, const Indices& labels, int way, Var query) const {
    return self_->logits(support, labels, way, query);
  }
  /// The learner itself if it is an L, to ask what only an L knows; null otherwise.
  template <FewShotLearner L>
  [[nodiscard]] const L* get_if() const {
    const auto* model = dynamic_cast<const Model<L>*>(self_.get());
    return model ? &model->learner : nullptr;
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual Params init(Key key) const = 0;
    [[nodiscard]] virtual MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                             const tasks::Episode& episode, Key key) const = 0;
    [[nodiscard]] virtual Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                           const Tensor& support, const Indices& labels,
                                           int way) const = 0;
    [[nodiscard]] virtual bool transductive() const = 0;
    [[nodiscard]] virtual int fixed_way() const = 0;
    [[nodiscard]] virtual bool embeds_alone() const = 0;
    [[nodiscard]] virtual Tensor embed(Tape& tape, const Params& phi, const Params& carry,
                                       const Tensor& images) const = 0;
    [[nodiscard]] virtual Var logits(Var support, const Indices& labels, int way,
                                     Var query) const = 0;
  };

  template <FewShotLearner L>
  struct Model final : Interface {
    explicit Model(L l) : learner(std::move(l)) {}
    L learner;
    [[nodiscard]] std::string name() const override { return learner.name(); }
    [[nodiscard]] Params init(Key key) const override { return learner.init(key); }
    [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                     const tasks::Episode& episode, Key key) const override {
      return learner.objective(tape, phi, carry, episode, key);
    }
    [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                   const Tensor& support, const Indices& labels,
                                   int way) const override {
      return learner.adapt(tape, phi, carry, support, labels, way);
    }
    [[nodiscard]] bool transductive() const override { return learner.transductive(); }
    [[nodiscard]] int fixed_way() const override {
      if constexpr (requires { learner.fixed_way(); }) return learner.fixed_way();
      return 0;
    }
    [[nodiscard]] bool embeds_alone() const override {
      if constexpr (EmbeddingLearner<L>) return learner.embeds_alone();
      return false;
    }
    [[nodiscard]] Tensor embed(Tape& tape, const Params& phi, const Params& carry,
                               const Tensor& images) const override {
      if constexpr (EmbeddingLearner<L>) return learner.embed(tape, phi, carry, images);
      no_embedding(name());
    }
    [[nodiscard]] Var logits(Var support, const Indices& labels, int way,
                             Var query) const override {
      if constexpr (EmbeddingLearner<L>) return learner.logits(support, labels, way, query);
      no_embedding(name());
    }
  };

  [[noreturn]] static void no_embedding(const std::string& name);

  std::shared_ptr<const Interface> self_;
};

}  // namespace metatape::metalearn
