#include <algorithm>

#include "experiments.hpp"

namespace metatape::cli {

namespace {

// A step whose line ends in a number, by scale; 0: not at that scale.
ExperimentStep step(const std::string& name, const std::string& line, const std::string& small,
                    const std::string& paper) {
  ExperimentStep s{.name = name, .small = {}, .paper = {}};
  if (!small.empty()) s.small = words_of(line + " " + small);
  if (!paper.empty()) s.paper = words_of(line + " " + paper);
  return s;
}

// An evaluation's accuracy and those of pixels, in per cent.
ExperimentRow share(const std::string& what, std::optional<double> paper, const std::string& step,
                    const std::string& field = "accuracy", const std::string& interval = "ci95") {
  return {what, paper, step, "/" + field, "/" + interval, 100};
}

constexpr int tests = 4;
constexpr const char* test_names[tests] = {"5w1s", "5w5s", "20w1s", "20w5s"};
constexpr const char* test_words[tests] = {"--way 5 --shot 1", "--way 5 --shot 5",
                                           "--way 20 --shot 1", "--way 20 --shot 5"};

struct Learner {
  const char* name;
  bool head;          // of one way: 20 ways are a training of their own
  const char* small;  // episodes of training
  const char* paper;
  std::optional<double> published[tests];
};

Experiment omniglot_few_shot() {
  Experiment e{
      .name = "omniglot-few-shot",
      .what = "every few-shot learner on Omniglot: 5 and 20 ways, 1 and 5 shots",
      .source =
          "Snell et al. (2017), Vinyals et al. (2016), Finn et al. (2017), Nichol et al. (2018)",
      .note =
          "Alphabets mixed; characters of 6 alphabets that no learner saw, where the papers test "
          "on "
          "other and more of them. Learners are trained by the measured recipe; published MAML is "
          "transductive, here it is not. Published pixels are compared by cosine. The LSTM "
          "meta-learner, trained with one shot, has no published figure on Omniglot. Learners with "
          "a head of 5 classes are trained anew for 20 ways, at paper scale.",
      .unit = "% of queries right",
      .data = "omniglot"};
  const Learner learners[] = {
      {"prototypical", false, "1500", "40000", {98.8, 99.7, 96.0, 98.9}},
      {"matching", false, "1500", "40000", {98.1, 98.9, 93.8, 98.5}},
      {"maml", true, "4000", "100000", {98.7, 99.9, 95.8, 98.9}},
      {"fomaml", true, "6000", "150000", {98.3, 99.2, 89.4, 97.9}},
      {"reptile", true, "6000", "200000", {95.39, 98.90, 88.14, 96.65}},
      {"lstm", true, "2000", "60000", {{}, {}, {}, {}}},
      {"finetune", false, "1500", "20000", {86.0, 97.6, 72.9, 92.3}},
  };
  for (const Learner& l : learners) {
    const std::string name = l.name, train = "train-" + name, train_20 = train + "-20";
    const std::string line = "fewshot train --learner " + name + " --data {data} ";
    e.steps.push_back(step(train, line + "--way 5 --episodes", l.small, l.paper));
    if (l.head) e.steps.push_back(step(train_20, line + "--way 20 --episodes", "", l.paper));
    for (int t = 0; t < tests; ++t) {
      const bool own = l.head && t >= 2;
      const std::string eval = name + "-" + test_names[t];
      e.steps.push_back(step(
          eval,
          "fewshot eval --run {" + (own ? train_20 : train) + "} " + test_words[t] + " --episodes",
          own ? "" : "300", "1000"));
      e.rows.push_back(share(name + ", " + test_names[t], l.published[t], eval));
    }
  }
  const double pixels[tests] = {41.7, 63.2, 26.7, 42.6};
  for (int t = 0; t < tests; ++t) {
    const std::string eval = std::string("prototypical-") + test_names[t];
    e.rows.push_back(
        share(std::string("pixels, ") + test_names[t], pixels[t], eval, "nearest", "nearest_ci95"));
    e.rows.push_back(share(std::string("pixels, ink centred, ") + test_names[t], {}, eval,
                           "nearest_centred", "nearest_centred_ci95"));
  }
  return e;
}

Experiment one_shot_challenge() {
  Experiment e{
      .name = "one-shot-challenge",
      .what = "Lake's 20 runs of 20-way one-shot classification, errors in percent",
      .source = "Lake, Salakhutdinov and Tenenbaum (2015, 2019)",
      .note =
          "Mean of 20 runs, 400 decisions: one is 0.25 points. Trained on all background alphabets "
          "by the measured recipe, an hour in all at paper scale; those with a head, for 20 ways. "
          "People make 4.5 % errors, Bayesian program learning 3.3 %.",
      .unit = "% errors",
      .data = "omniglot",
      .task = true};
  struct Trained {
    const char *name, *small, *paper;  // minutes
    std::optional<double> published;
  };
  const Trained learners[] = {
      {"prototypical", "2", "32", 13.7}, {"matching", "1", "9", {}}, {"finetune", "0.5", "4", {}},
      {"maml", "0.5", "3", {}},          {"fomaml", "0.5", "3", {}}, {"reptile", "0.5", "3", {}},
      {"lstm", "0.5", "3", {}},
  };
  for (const Trained& l : learners) {
    const std::string name = l.name, train = "train-" + name;
    e.steps.push_back(step(train,
                           "fewshot train --learner " + name +
                               " --data {data} --way 20 --shot 1 --test-alphabets 0 "
                               "--validation-alphabets 0 --minutes",
                           l.small, l.paper));
    const std::string judged = "fewshot oneshot --run {" + train + "} --task";
    e.steps.push_back(step(name, judged, "{task}", "{task}"));
    e.rows.push_back({name, l.published, name, "/error_percent"});
  }
  for (const auto& [name, published] :
       {std::pair<std::string, std::optional<double>>{"nearest", {}},
        {"nearest-centred", {}},
        {"hausdorff", 38.8}}) {
    e.steps.push_back(
        step(name, "fewshot oneshot --learner " + name + " --task", "{task}", "{task}"));
    e.rows.push_back({name, published, name, "/error_percent"});
  }
  return e;
}

Experiment lstm_meta_learner() {
  Experiment e{
      .name = "lstm-meta-learner",
      .what = "the LSTM meta-learner on Omniglot: what its start and its gates are worth",
      .source = "Ravi and Larochelle (2017), who have no figure on Omniglot",
      .note =
          "5-way 1-shot, alphabets mixed, trained with 5 steps by the measured recipe. Untrained: "
          "gates and start as training began. The rate of plain SGD is the best for its number of "
          "steps on validation "
          "episodes.",
      .unit = "% of queries right",
      .data = "omniglot"};
  e.steps = {
      step("train", "fewshot train --learner lstm --data {data} --way 5 --shot 1 --episodes",
           "2000", "60000"),
      step("ablate", "fewshot ablate --run {train} --steps 3,5,20 --episodes", "300", "1000"),
      step("eval", "fewshot eval --run {train} --episodes", "300", "1000")};
  const auto row = [&](const std::string& what, const std::string& steps, const char* field) {
    const std::string at = "/steps/" + steps + "/" + field;
    e.rows.push_back(
        {what + ", " + steps + " steps", {}, "ablate", at + "/accuracy", at + "/ci95", 100});
  };
  row("untrained", "5", "untrained");
  row("SGD, random start", "5", "sgd_random_start");
  row("learned gates, random start", "5", "random_start");
  for (const char* steps : {"3", "5", "20"}) {
    row("SGD, learned start", steps, "sgd");
    row("learned gates and start", steps, "learner");
  }
  e.rows.push_back(
      share("pixels, ink centred", {}, "eval", "nearest_centred", "nearest_centred_ci95"));
  return e;
}

}  // namespace

std::vector<Experiment> fewshot_experiments() {
  return {omniglot_few_shot(), one_shot_challenge(), lstm_meta_learner()};
}

}  // namespace metatape::cli
