// finetune.hpp: transfer instead of meta-learning: a classifier of all training classes, whose
// encoder is then fine-tuned on each support set under a new head. What every few-shot learner has
// to beat. Vinyals et al. (2016), Ravi and Larochelle (2017), Chen et al. (2019).
#pragma once

#include "metatape/metalearn/fewshot/adaptation.hpp"

namespace metatape::metalearn {

/// φ: the encoder, and "classes.weight" [classes, features], "classes.bias" of training alone.
struct Finetune {
  nn::ConvNet network = nn::conv4();  ///< without a head
  int classes = 0;    ///< of training: positions in the set; with `turns` four times as many
  bool turns = true;  ///< a character turned by a quarter is another class
  /// The new head is the nearest class mean, as a linear layer of the features f: logits
  /// scale (2 c f - |c|²). With 0 steps that is what classifies: nearest neighbour on trained
  /// features. At a larger scale the gradients of several shots can throw the encoder far off.
  double scale = 0.02;
  int steps = 15;  ///< of gradient descent on the support set
  double rate = 0.01;
  Adapts adapts = Adapts::all;                          ///< what the steps move
  StatisticsFrom statistics = StatisticsFrom::running;  ///< of the steps, too

  [[nodiscard]] std::string name() const { return "finetune"; }
  /// DataError for fewer than two classes, a network with a head, a count below 0.
  [[nodiscard]] Params init(Key key) const;
  /// Cross-entropy of all images of the episode among all classes. DataError for a class beyond.
  [[nodiscard]] MetaStep objective(Tape& tape, const Params& phi, const Params& carry,
                                   const tasks::Episode& episode, Key key) const;
  [[nodiscard]] Classifier adapt(Tape& tape, const Params& phi, const Params& carry,
                                 const Tensor& support, const Indices& labels, int way) const;
  [[nodiscard]] bool transductive() const { return statistics == StatisticsFrom::batch; }
};

}  // namespace metatape::metalearn
