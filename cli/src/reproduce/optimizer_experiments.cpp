#include "experiments.hpp"

namespace metatape::cli {

namespace {

// A training of so many meta-steps at the two scales.
ExperimentStep training(const std::string& name, const std::string& line, int small, int paper) {
  const std::string head = "optimizer train " + line + " --meta-steps ";
  return {name, words_of(head + std::to_string(small)), words_of(head + std::to_string(paper))};
}

// A comparison on so many instances at the two scales.
ExperimentStep comparison(const std::string& name, const std::string& line, int small, int paper) {
  const std::string head = "optimizer eval " + line + " --instances ";
  return {name, words_of(head + std::to_string(small)), words_of(head + std::to_string(paper))};
}

// A number of one optimizer: "final_mean", with "final_ci95".
void add_row(Experiment& e, const std::string& what, std::optional<double> paper,
             const std::string& step, const std::string& optimizer, const std::string& field) {
  const std::string at = "/optimizers/" + optimizer + "/";
  e.rows.push_back(
      {what, paper, step, at + field, at + field.substr(0, field.rfind("_mean")) + "_ci95"});
}

// LSTM first, then the rivals in the order of the paper's text.
void add_rows(Experiment& e, const std::string& step, const std::string& when,
              const std::string& field, const std::vector<std::optional<double>>& paper) {
  const char* names[][2] = {{"learned", "learned"},
                            {"nesterov", "NAG"},
                            {"adam", "Adam"},
                            {"rmsprop", "RMSprop"},
                            {"sgd", "SGD"}};
  for (std::size_t i = 0; i < paper.size(); ++i)
    add_row(e, std::string(names[i][1]) + ", " + when, paper[i], step, names[i][0], field);
}

constexpr const char* rivals = " --against nesterov,adam,rmsprop,sgd";
constexpr const char* figure_read =
    "Andrychowicz et al. (2016); numbers read off the published figures, within some 5 %";

Experiment quadratics() {
  Experiment e{.name = "quadratics",
               .what = "the LSTM optimizer on random quadratics of 10 dimensions",
               .source = figure_read,
               .note =
                   "W, y ~ U(0, 1), as the released code draws them: the published curves fit "
                   "that, not the Gaussian of the text. Mean loss after 100 steps. The paper drops "
                   "second derivatives; the last row is the same training with them.",
               .unit = "loss"};
  e.steps = {
      training("train", "--optimizee quadratic --order first", 2000, 10000),
      training("train-exact", "--optimizee quadratic --order exact", 2000, 10000),
      comparison("eval", std::string("--run {train} --optimizee quadratic") + rivals, 1000, 8000),
      comparison("eval-exact",
                 "--run {train-exact} --optimizee quadratic --against sgd:learning_rate=0.01", 1000,
                 8000)};
  add_rows(e, "eval", "100 steps", "final_mean", {0.040, 0.081, 0.052, 0.059, 0.22});
  add_row(e, "learned, exact gradients, 100 steps", std::nullopt, "eval-exact", "learned",
          "final_mean");
  return e;
}

ExperimentStep mnist_training(int small, int paper) {
  return training("train", "--optimizee mlp:data=mnist --data {data}", small, paper);
}

Experiment mnist_mlp() {
  Experiment e{.name = "mnist-mlp",
               .what = "the LSTM optimizer on a 784-20-10 network, 100 and 200 steps",
               .source = figure_read,
               .note = "Trained for 100 steps; mean of the last five losses, starts N(0, 0.01²).",
               .unit = "loss",
               .data = "mnist",
               .steps = {mnist_training(2500, 6000)}};
  const std::string line =
      std::string("--run {train} --optimizee mlp:data=mnist --data {data}") + rivals;
  e.steps.push_back(comparison("eval-100", line + " --steps 100", 20, 100));
  e.steps.push_back(comparison("eval-200", line + " --steps 200", 20, 100));
  add_rows(e, "eval-100", "100 steps", "last5_mean", {0.25, 0.325, 0.36, 0.35, 0.46});
  add_rows(e, "eval-200", "200 steps", "last5_mean", {0.21, 0.26, 0.30, 0.29, 0.32});
  return e;
}

Experiment mnist_transfer() {
  Experiment e{.name = "mnist-transfer",
               .what = "trained on one network, applied to others: 40 units, 2 layers, ReLU",
               .source = figure_read,
               .note =
                   "Mean of the last five losses after 100 steps, rivals tuned for each network. "
                   "The transfer to ReLU fails, in the paper too.",
               .unit = "loss",
               .data = "mnist",
               .steps = {mnist_training(2500, 6000)}};
  const auto add = [&](const std::string& name, const std::string& keys,
                       const std::vector<std::optional<double>>& paper) {
    e.steps.push_back(comparison(
        "eval-" + name,
        "--run {train} --optimizee mlp:data=mnist," + keys + " --data {data}" + rivals, 20, 100));
    add_rows(e, "eval-" + name, name, "last5_mean", paper);
  };
  add("40-units", "hidden=40", {0.19, 0.31, 0.31, 0.32, 0.45});
  add("2-layers", "layers=2", {0.33, 0.75, 0.71, 0.72, 1.77});
  add("relu", "activation=relu", {2.6, 0.36, 0.38, 0.41, 0.45});
  return e;
}

Experiment conv() {
  Experiment e{
      .name = "conv",
      .what = "learned optimizers on a convolutional network with batch normalisation",
      .source = "Andrychowicz et al. (2016), figure 7, on CIFAR-10; here on MNIST",
      .note =
          "RNNprop, trained through second derivatives on images of 14 x 14 with kernels of 3 x 3, "
          "eight windows a meta-step, and carried to the network as in the paper: 28 x 28, 5 x 5. "
          "The small scale stops where validation stopped improving. The LSTM has two nets, one "
          "for the convolutions and one for all else, as in the paper. The paper shows curves "
          "without values: nothing is quoted.",
      .unit = "loss",
      .data = "mnist"};
  const std::string small = " --optimizee conv:data=mnist,kernel=3,size=14 --data {data}";
  const std::string problem = " --optimizee conv:data=mnist --data {data}";
  e.steps = {
      training("train",
               "--model rnnprop --order exact --meta-batch 8 --learning-rate 3e-3 --clip 0.3 "
               "--clip-each 1 --decay-steps 300 --validate-every 15" +
                   small,
               60, 300),
      training("train-lstm", "--groups *.conv.weight --learning-rate 1e-3" + small, 400, 4000),
      comparison("eval", "--run {train} --tune-instances 3" + problem + rivals, 20, 100),
      comparison("eval-small", "--run {train} --tune-instances 6" + small + rivals, 20, 100),
      comparison("eval-lstm", "--run {train-lstm} --against sgd:learning_rate=0.1" + problem, 20,
                 100)};
  add_rows(e, "eval", "28 x 28", "last5_mean", std::vector<std::optional<double>>(5));
  add_rows(e, "eval-small", "14 x 14", "last5_mean", std::vector<std::optional<double>>(5));
  add_row(e, "LSTM with two nets, 28 x 28", std::nullopt, "eval-lstm", "learned", "last5_mean");
  return e;
}

Experiment rnnprop_transfer() {
  Experiment e{
      .name = "rnnprop-transfer",
      .what = "RNNprop, trained on a sigmoid network, applied to ReLU",
      .source = "Lv, Jiang and Li (2017)",
      .note =
          "Starts N(0, 0.01²), mean of the last five losses after 100 steps. The "
          "paper's own numbers are for other starts: nothing is quoted.",
      .unit = "loss",
      .data = "mnist",
      .steps = {training("train", "--model rnnprop --optimizee mlp:data=mnist --data {data}", 300,
                         1000)}};
  for (const auto& [name, keys] :
       {std::pair{"sigmoid", "activation=sigmoid"}, std::pair{"relu", "activation=relu"}}) {
    e.steps.push_back(comparison(
        std::string("eval-") + name,
        std::string("--run {train} --optimizee mlp:data=mnist,") + keys + " --data {data}" + rivals,
        20, 100));
    add_rows(e, std::string("eval-") + name, name, "last5_mean",
             std::vector<std::optional<double>>(5));
  }
  return e;
}

}  // namespace

std::vector<Experiment> optimizer_experiments() {
  return {quadratics(), mnist_mlp(), mnist_transfer(), conv(), rnnprop_transfer()};
}

}  // namespace metatape::cli
