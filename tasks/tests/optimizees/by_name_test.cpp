// by_name_test.cpp: optimizees in one line of text, and what is said of a wrong line.
#include "metatape/tasks/optimizees/by_name.hpp"

#include <cstdlib>
#include <optional>
#include <set>

#include "metatape/tasks/optimizees/mlp_classifier.hpp"
#include "metatape/tasks/optimizees/quadratics.hpp"
#include "support/catch.hpp"
#include "support/optimizees.hpp"
#include "support/pictures.hpp"

using namespace metatape;
using namespace metatape::tasks;

namespace {

/// METATAPE_DATA for the length of a test.
class Environment {
 public:
  explicit Environment(const char* value) {
    if (const char* before = std::getenv("METATAPE_DATA")) before_ = before;
    set(value);
  }
  ~Environment() { set(before_ ? before_->c_str() : nullptr); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  static void set(const char* value) {
    if (value)
      setenv("METATAPE_DATA", value, 1);
    else
      unsetenv("METATAPE_DATA");
  }
  std::optional<std::string> before_;
};

Params initial(const std::string& spec) { return make_optimizee(spec).sample(Key(1)).initial; }

}  // namespace

TEST_CASE("by name: quadratics and their keys") {
  CHECK(make_optimizee("quadratic").name() == Quadratics{}.name());
  CHECK(identical(initial("quadratic"), Quadratics{}.sample(Key(1)).initial));
  const auto q = make_optimizee("quadratic:variant=normal,dim=3,functions=7").sample(Key(1));
  CHECK(q.functions == 7);
  CHECK(
      identical(q.initial, Quadratics{.variant = QuadraticVariant::normal, .dim = 3, .functions = 7}
                               .sample(Key(1))
                               .initial));
  CHECK(initial("quadratic:start=0").norm() == 0);
  for (const char* spec :
       {"quadratic:variant=uniform,dim=10", "quadratic:variant=normal,dim=4,functions=3,start=0.5",
        "bowl:curvature=3,start=-2", "rosenbrock", "rosenbrock:functions=128",
        "double_well:start=0.25,functions=2"})
    CHECK(make_optimizee(spec).name() == spec);
}

TEST_CASE("by name: test functions and bowls") {
  CHECK(initial("rosenbrock")["theta"].shape() == Shape{1, 2});
  CHECK(initial("rosenbrock:functions=5")["theta"].shape() == Shape{5, 2});
  CHECK(initial("bowl:curvature=2,start=1").flat().to_vector() == std::vector<double>{1});
  const auto bowl = make_optimizee("bowl:start=3,curvature=4").sample(Key(1));
  CHECK(losses(bowl, bowl.initial).item() == 18);
}

TEST_CASE("by name: a list from which everything can be made") {
  const scratch::Folder folder;
  write_mnist(folder, "mnist", 40, 10);
  const OptimizeeContext context{.data = "mnist:" + (folder / "mnist")};
  std::set<std::string> names;
  for (const SpecInfo& info : optimizees_by_name()) {
    CAPTURE(info.name);
    names.insert(info.name);
    CHECK_FALSE(info.what.empty());
    CHECK(info.what.find('\n') == std::string::npos);
    const auto plain = make_optimizee(info.name, context).sample(Key(1));
    // every default said aloud means the same
    std::string spec = info.name + ":";
    for (const SpecInfo::Key& key : info.keys) {
      CHECK_FALSE(key.what.empty());
      spec += (spec.back() == ':' ? "" : ",") + key.name + "=" + key.standard;
    }
    CHECK(identical(make_optimizee(spec, context).sample(Key(1)).initial, plain.initial));
  }
  CHECK(names.size() == optimizees_by_name().size());
  for (const char* name : {"quadratic", "mlp", "conv", "bowl", "rosenbrock", "ackley"})
    CHECK(names.count(name) == 1);
}

TEST_CASE("by name: classifiers take their images from the context, each purpose its share") {
  const scratch::Folder folder;
  write_mnist(folder, "mnist", 40, 10);
  OptimizeeContext context{.data = "mnist:" + (folder / "mnist"),
                           .images = std::make_shared<ImageCache>()};
  const auto mlp = make_optimizee("mlp:data=mnist", context);
  CHECK(mlp.name() == "mlp:data=mnist,hidden=20,layers=1,activation=sigmoid,init=tiny");
  CHECK(mlp.sample(Key(1)).initial.size() == 15'910);
  CHECK(make_optimizee("mlp", context).name() == mlp.name());
  CHECK(make_optimizee("mlp:hidden=8,layers=3,size=7,activation=elu,init=both", context).name() ==
        "mlp:data=mnist,hidden=8,layers=3,activation=elu,init=both");
  CHECK(make_optimizee("mlp:hidden=8-5,size=7", context).name() ==
        "mlp:data=mnist,hidden=8-5,layers=2,activation=sigmoid,init=tiny");
  const auto few = make_optimizee("mlp:classes=3,first_class=4,size=7", context).sample(Key(1));
  CHECK(few.initial["1.bias"].shape() == Shape{3});
  const auto conv = make_optimizee("conv:filters=2,layers=2,hidden=4,kernel=3", context);
  CHECK(conv.sample(Key(1)).initial["block1.conv.weight"].shape() == Shape{2, 2, 3, 3});

  const LabelledImages read = read_labelled_images(parse_data(context.data));
  for (const auto purpose : {Purpose::train, Purpose::tune, Purpose::validate, Purpose::evaluate}) {
    context.purpose = purpose;
    const auto by_name = make_optimizee("mlp:hidden=3", context).sample(Key(1));
    const auto by_hand =
        MlpClassifier{.images = read.share(share_of(purpose)), .hidden = {3}}.sample(Key(1));
    CHECK(identical(losses(by_name, by_hand.initial, Key(4)),
                    losses(by_hand, by_hand.initial, Key(4))));
  }
}

TEST_CASE("by name: a set is read once through a cache") {
  const scratch::Folder folder;
  write_mnist(folder, "mnist", 40, 10);
  const OptimizeeContext context{.data = "mnist:" + (folder / "mnist"),
                                 .images = std::make_shared<ImageCache>()};
  const auto first = make_optimizee("mlp", context).sample(Key(1));
  std::filesystem::remove_all(folder.path() / "mnist");
  const auto again = make_optimizee("mlp:hidden=20", context).sample(Key(1));
  CHECK(identical(losses(first, first.initial), losses(again, first.initial)));
  CHECK_THROWS_AS(make_optimizee("mlp:size=14", context), DataError);
}

TEST_CASE("by name: CIFAR-10 and bare names under METATAPE_DATA") {
  const scratch::Folder folder;
  write_cifar10(folder, "cifar/data_batch_1.bin", 80);
  write_cifar10(folder, "cifar/test_batch.bin", 40);
  const OptimizeeContext context{.data = "cifar10:" + (folder / "cifar")};
  const auto conv = make_optimizee("conv:data=cifar10,batch=16", context).sample(Key(1));
  CHECK(conv.initial.size() == 22'682);
  CHECK(std::isfinite(losses(conv, conv.initial).item()));
  const auto two =
      make_optimizee("conv:data=cifar10,classes=2,first_class=5,batch=8", context).sample(Key(1));
  CHECK(two.initial["head.bias"].shape() == Shape{2});
  write_mnist(folder, "mnist", 40, 10);
  const Environment set(folder.path().c_str());
  CHECK(make_optimizee("mlp").sample(Key(1)).initial.size() == 15'910);
  // data= names another set than the context's path: looked for where METATAPE_DATA says
  CHECK(make_optimizee("mlp:data=mnist", context).sample(Key(1)).initial.size() == 15'910);
}

TEST_CASE("by name: what is wrong is said in one line, with the nearest name") {
  const Environment none(nullptr);
  const auto says = [](const std::string& spec, const std::string& text) {
    CAPTURE(spec);
    CHECK_THROWS_AS(make_optimizee(spec), SpecError);
    CHECK_THROWS_WITH(make_optimizee(spec), text);
  };
  const std::string all =
      " (one of quadratic, mlp, conv, bowl, double_well, ridge, ackley, beale, booth, branin, "
      "himmelblau, "
      "log_sum_exp, matyas, mccormick, michalewicz, rastrigin, rosenbrock, saddle, "
      "styblinski_tang, coupled, pes_2d, quartic, noisy_quadratic)";
  says("quadratics", "unknown optimizee 'quadratics'; did you mean 'quadratic'?" + all);
  says("", "unknown optimizee ''" + all);
  says("quadratic:dims=3",
       "optimizee quadratic: unknown key 'dims'; did you mean 'dim'? (keys: variant, dim, "
       "functions, start)");
  says("quadratic:", "optimizee quadratic: unknown key '' (keys: variant, dim, functions, start)");
  says("quadratic:dim=0", "optimizee quadratic: dim=0: a whole number from 1 to 4096 expected");
  says("quadratic:dim=3x", "optimizee quadratic: dim=3x: a whole number from 1 to 4096 expected");
  says("quadratic:dim=3,dim=4", "optimizee quadratic: dim is given twice");
  says("quadratic:dim", "optimizee quadratic: dim has no value (coordinates of a function)");
  says("quadratic:dim=", "optimizee quadratic: dim has no value (coordinates of a function)");
  says("quadratic:variant=gauss", "optimizee quadratic: variant=gauss: uniform or normal expected");
  says("quadratic:start=nan",
       "optimizee quadratic: start=nan: a number from 0 to 1000000 expected");
  says("bowl:curvature=steep",
       "optimizee bowl: curvature=steep: a number from -1000000000000 to 1000000000000 expected");
  says("mlp:activation=swish",
       "optimizee mlp: activation=swish: sigmoid, tanh, relu or elu expected");
  says("mlp:init=small", "optimizee mlp: init=small: tiny, glorot or both expected");
  says("mlp:hidden=8-0", "optimizee mlp: hidden=0: a whole number from 1 to 65536 expected");
  says("mlp:hidden=8-5,layers=3", "optimizee mlp: hidden=8-5 has 2 layers, layers=3");
  says("mlp:data=mnist:x",
       "data=mnist:x: a bare name expected (its path comes from --data or "
       "METATAPE_DATA)");
  says("mlp:data=mnits",
       "unknown data 'mnits'; did you mean 'mnist'? (one of strokes, omniglot, folder, mnist, idx, "
       "cifar10)");
  says("mlp",
       "data 'mnist': no path: write mnist:PATH, or name the folder of data in METATAPE_DATA");
  says("conv:kernel=4", "optimizee conv: kernel=4: an odd number expected");
  const scratch::Folder folder;
  CHECK_THROWS_AS(make_optimizee("mlp", {.data = "mnist:" + (folder / "none")}), DataError);
  write_mnist(folder, "mnist", 40, 10);
  CHECK_THROWS_WITH(make_optimizee("mlp:first_class=10", {.data = "mnist:" + (folder / "mnist")}),
                    "optimizee mlp: first_class=10: a whole number from 0 to 9 expected");
}
