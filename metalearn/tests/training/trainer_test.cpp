// The loop: resume, threads, undone steps, what is not finite, and where it ends.
#include "metatape/metalearn/training/trainer.hpp"

#include <cmath>
#include <filesystem>
#include <limits>

#include "catch.hpp"
#include "metatape/autodiff.hpp"
#include "metatape/metalearn/optimizers/hand_crafted.hpp"

using namespace metatape;
using namespace metatape::metalearn;

namespace {

// Least squares on fresh noise a slot; the carry counts how often a slot was asked.
MetaObjective regression() {
  return {.init =
              [](const Params&, Key) {
                return Params({{"asked", Tensor::zeros({1})}});
              },
          .step =
              [](Tape& tape, const Params& phi, const Params& carry, const MetaPosition& at) {
                const Bound p = bind(tape, phi);
                const Var x = tape.constant(normal({16, 3}, at.key));
                const Var y = matmul(x, tape.constant(Tensor({3, 1}, {1.0f, -2.0f, 0.5f})));
                const Var loss = mean(square(matmul(x, p["w"]) - y));
                Params next = carry;
                next.flat().mutable_values<float>()[0] += 1;
                return MetaStep{.loss = loss.item(),
                                .gradient = grad(loss, p),
                                .carry = next,
                                .measures = {{"slot", at.slot}}};
              }};
}

Params start() { return Params({{"w", Tensor::zeros({3, 1})}}); }

Trainer trainer(int batch, Threads* threads = nullptr) {
  return {regression(),
          start(),
          {.optimizer = Adam{.learning_rate = 0.05}, .batch = batch, .clip = 1},
          Key{7},
          threads};
}

}  // namespace

TEST_CASE("a trainer learns, and reports means over the batch", "[training]") {
  Trainer t = trainer(4);
  const double first = t.step().loss;
  StepReport last;
  const LoopEnd end = run(t, {.steps = 300, .report = [&](const StepReport& r) { last = r; }});
  CHECK(end == LoopEnd::done);
  CHECK(last.step == 300);
  CHECK(last.loss < 1e-3 * first);
  CHECK(last.measures == Measures{{"slot", 1.5}});
  CHECK(t.phi()["w"].at(1) == Approx(-2).epsilon(0.02));
  CHECK(t.carries().size() == 4);
  CHECK(t.carries()[3]["asked"].item() == 300);
}

TEST_CASE("each answer's gradient can be clipped before the mean", "[training]") {
  const MetaObjective two{
      .step = [](Tape&, const Params& phi, const Params&, const MetaPosition& at) {
        MetaStep answer{.gradient = phi.zeros_like()};
        answer.gradient.flat().mutable_values<float>()[static_cast<std::size_t>(at.slot)] =
            at.slot == 0 ? 100.0f : 0.5f;
        return answer;
      }};
  const auto norm = [&](double clip_each) {
    Trainer t(two, start(), {.optimizer = Sgd{}, .batch = 2, .clip_each = clip_each}, Key{1});
    return t.step().gradient_norm;
  };
  CHECK(norm(0) == Approx(std::hypot(50, 0.25)));
  CHECK(norm(1) == Approx(std::hypot(0.5, 0.25)));
}

TEST_CASE("training has the same bits on any number of threads", "[training]") {
  Trainer alone = trainer(5);
  run(alone, {.steps = 20});
  const std::string bytes = nn::to_safetensors(alone.checkpoint());
  for (const int n : {1, 2, 3, 8}) {
    Threads threads(n);
    Trainer t = trainer(5, &threads);
    run(t, {.steps = 20});
    CHECK(nn::to_safetensors(t.checkpoint()) == bytes);
  }
}

TEST_CASE("a run resumed at any step ends with the same bits", "[training]") {
  Trainer whole = trainer(2);
  run(whole, {.steps = 12});
  for (const int at : {0, 1, 5, 11, 12}) {
    Trainer before = trainer(2);
    run(before, {.steps = at});
    const nn::Checkpoint saved = nn::from_safetensors(nn::to_safetensors(before.checkpoint()));
    Trainer after = trainer(2);
    after.restore(saved, "saved");
    CHECK(after.steps_done() == at);
    run(after, {.steps = 12});
    CHECK(nn::to_safetensors(after.checkpoint()) == nn::to_safetensors(whole.checkpoint()));
  }
}

TEST_CASE("checkpoints that do not fit are refused by name", "[training]") {
  Trainer t = trainer(2);
  nn::Checkpoint c = t.checkpoint();
  const auto refused = [&](const std::string& message) {
    REQUIRE_THROWS_WITH(t.restore(c, "run/checkpoint.safetensors"), message);
    c = t.checkpoint();
  };
  c.metadata.erase("key");
  refused("run/checkpoint.safetensors: no 'key' in its metadata: not a training checkpoint");
  c.metadata["key"] = "00";
  refused("run/checkpoint.safetensors: made by a run of another seed or kind");
  c.metadata["batch"] = "3";
  refused("run/checkpoint.safetensors: made with batches of 3, not 2");
  c.metadata["step"] = "-1";
  refused("run/checkpoint.safetensors: step '-1' is no count");
  c.params = Params({{"phi.other", Tensor::zeros({3, 1})}});
  REQUIRE_THROWS_AS(t.restore(c, "x"), DataError);
}

TEST_CASE("measured steps are undone", "[training]") {
  Trainer t = trainer(2), untouched = trainer(2);
  CHECK(t.measure_seconds(5) > 0);
  CHECK(t.steps_done() == 0);
  run(t, {.steps = 3});
  run(untouched, {.steps = 3});
  CHECK(identical(t.phi(), untouched.phi()));
}

TEST_CASE("a loss that is not finite stops the training and keeps the weights", "[training]") {
  MetaObjective objective = regression();
  const auto inner = objective.step;
  objective.step = [&](Tape& tape, const Params& phi, const Params& carry, const MetaPosition& at) {
    MetaStep s = inner(tape, phi, carry, at);
    if (at.step == 2) s.loss = std::numeric_limits<double>::infinity();
    return s;
  };
  Trainer t(objective, start(), {.optimizer = Sgd{.learning_rate = 0.1}}, Key{1});
  t.step();
  t.step();
  const Params before = t.phi();
  REQUIRE_THROWS_AS(t.step(), NumericError);
  CHECK(identical(t.phi(), before));
  CHECK(t.steps_done() == 2);
}

TEST_CASE("the loop stops when asked, saves and validates when due", "[training]") {
  Trainer t = trainer(1);
  int saves = 0, asked = 0;
  std::vector<std::int64_t> validated;
  const auto note = [&](std::int64_t steps) { validated.push_back(steps); };
  CHECK(run(t, {.steps = 10, .validate_every = 4, .validate = note, .save = [&] { ++saves; }}) ==
        LoopEnd::done);
  CHECK(validated == std::vector<std::int64_t>{1, 4, 8, 10});  // when due, and at the end
  CHECK(saves == 1);
  CHECK(run(t, {.steps = 20, .save = [&] { ++saves; }, .stop = [&] { return ++asked > 3; }}) ==
        LoopEnd::stopped);
  CHECK(t.steps_done() == 13);
  CHECK(saves == 2);
  CHECK(run(t, {.steps = 1000000, .seconds = 0.05}) == LoopEnd::out_of_time);
  CHECK(run(t, {.steps = 5}) == LoopEnd::done);  // already past it
}

TEST_CASE("a loop that goes on makes up for the validation that was cut short", "[training]") {
  std::vector<std::int64_t> validated;
  const auto note = [&](std::int64_t steps) { validated.push_back(steps); };
  Trainer t = trainer(1);
  CHECK(run(t, {.steps = 8}) == LoopEnd::done);
  CHECK(run(t, {.steps = 10,
                .validate_every = 4,
                .validated = 4,
                .validate_last = false,
                .validate = note}) == LoopEnd::done);
  CHECK(validated == std::vector<std::int64_t>{8});
  CHECK(run(t, {.steps = 13, .validate_every = 4, .validated = 8, .validate = note}) ==
        LoopEnd::done);
  CHECK(validated == std::vector<std::int64_t>{8, 12, 13});
  CHECK(run(t, {.steps = 13, .validate_every = 4, .validated = 12, .validate = note}) ==
        LoopEnd::done);  // nothing was done
  CHECK(validated.size() == 3);
}

TEST_CASE("a trainer saved is its checkpoint, with what the run adds", "[training]") {
  const auto path = std::filesystem::temp_directory_path() / "metatape-trainer-save";
  Trainer t = trainer(2);
  t.step();
  const Params best = Params({{"w", Tensor({2}, {1.0f, 2.0f})}}).prefixed("best");
  t.save(path, {{"learner", "it"}, {"step", "not for the caller to say"}}, {best});
  const nn::Checkpoint saved = nn::load(path), whole = t.checkpoint({{"learner", "it"}});
  std::filesystem::remove(path);
  CHECK(identical(saved.params, Params::join({whole.params, best})));
  CHECK(saved.metadata == whole.metadata);
  CHECK(saved.metadata.at("step") == "1");
}
