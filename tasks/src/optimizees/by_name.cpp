// by_name.cpp: one entry an optimizee: its name, its keys with their defaults, and how it is made.
// Defaults are taken from the structs themselves and read as if they had been typed.
#include "metatape/tasks/optimizees/by_name.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "metatape/tasks/optimizees/conv_classifier.hpp"
#include "metatape/tasks/optimizees/mlp_classifier.hpp"
#include "metatape/tasks/optimizees/quadratics.hpp"
#include "metatape/tasks/optimizees/ridge.hpp"
#include "metatape/tasks/optimizees/test_functions.hpp"

namespace metatape::tasks {

LabelledImages ImageCache::read(const DataSpec& spec, int size) {
  const std::string what = fmt::format("{} at {}", spec.text(), size);
  const std::scoped_lock lock(mutex_);
  for (const auto& [said, images] : sets_)
    if (said == what) return images;
  return sets_.emplace_back(what, read_labelled_images(spec, size)).second;
}

namespace {

/// Widths: one for all of `layers`, or one a layer joined by "-".
std::vector<std::int64_t> widths_of(const SpecValues& v) {
  const int layers = v.whole("layers", 0, 64);
  const std::string& value = v.text("hidden");
  std::vector<std::int64_t> all;
  for (std::size_t from = 0; from <= value.size();) {
    const std::size_t to = std::min(value.find('-', from), value.size());
    all.push_back(v.whole("hidden", value.substr(from, to - from), 1, 65536));
    from = to + 1;
  }
  if (all.size() == 1) return std::vector(static_cast<std::size_t>(layers), all.front());
  // `layers` left at its default, 1, says nothing beside several widths
  if (layers != 1 && static_cast<std::size_t>(layers) != all.size())
    v.refuse(fmt::format("hidden={} has {} layers, layers={}", value, all.size(), layers));
  return all;
}

using Keys = std::vector<SpecInfo::Key>;

SpecInfo::Key functions_key() {
  return {"functions", "1", "independent functions side by side in one instance"};
}

int functions_of(const SpecValues& v) { return v.whole("functions", 1, 1 << 20); }

// ---- images

template <class Classifier>
Keys image_keys(const Classifier& c) {
  return {{"data", "mnist", "a data set's bare name; its path from --data or METATAPE_DATA"},
          {"init", to_string(c.start),
           "tiny: weights and biases N(0, deviation²); glorot; both: either by half"},
          {"deviation", fmt::format("{}", c.deviation), "of a tiny start"},
          {"batch", fmt::format("{}", c.batch), "images of a minibatch"},
          {"size", "0", "pixels a side; 0: the images' own up to 32, else 28"},
          {"classes", "0", "how many of the classes, from first_class on; 0: all of them"},
          {"first_class", "0", "the first of those classes"}};
}

LabelledImages images_of(const SpecValues& v, const OptimizeeContext& context) {
  const std::string& name = v.text("data");
  if (name.find(':') != std::string::npos)
    throw SpecError(
        fmt::format("data={}: a bare name expected (its path comes from --data or "
                    "METATAPE_DATA)",
                    name));
  DataSpec spec = parse_data(context.data.empty() ? name : context.data);
  if (v.given("data") && spec.kind != name) spec = parse_data(name);
  const int size = v.whole("size", 0, 1024);
  LabelledImages images =
      context.images ? context.images->read(spec, size) : read_labelled_images(spec, size);
  const int first = v.whole("first_class", 0, images.classes() - 1);
  const int classes = v.whole("classes", 0, images.classes() - first);
  if (first > 0 || classes > 0)
    images = images.with_classes(first, classes > 0 ? classes : images.classes() - first);
  return images.share(share_of(context.purpose));
}

template <class Classifier>
void set_common(Classifier& c, const SpecValues& v, const OptimizeeContext& context) {
  c.start =
      v.choice("init", std::vector{NetworkStart::tiny, NetworkStart::glorot, NetworkStart::both});
  c.deviation = v.number("deviation", 0, 1e6);
  c.batch = v.whole("batch", 1, 1 << 20);
  c.images = images_of(v, context);
}

// ---- the list

struct Entry {
  SpecInfo info;
  std::function<AnyOptimizee(const SpecValues&, const OptimizeeContext&)> make;
};

Entry quadratic() {
  const Quadratics q;
  return {{"quadratic",
           "‖W θ - y‖², W and y new for every instance (Andrychowicz et al. 2016)",
           {{"variant", to_string(q.variant),
             "uniform: W, y ~ U(0, 1), θ0 ~ N(0, 0.01²); normal: W, y, θ0 ~ N(0, 1)"},
            {"dim", fmt::format("{}", q.dim), "coordinates of a function"},
            functions_key(),
            {"start", "variant", "deviation of θ0; variant: 0.01 or 1, as the variant has it"}}},
          [](const SpecValues& v, const OptimizeeContext&) -> AnyOptimizee {
            Quadratics made{.variant = v.choice("variant", std::vector{QuadraticVariant::uniform,
                                                                       QuadraticVariant::normal}),
                            .dim = v.whole("dim", 1, 4096),
                            .functions = functions_of(v)};
            if (v.text("start") != "variant") made.start = v.number("start", 0, 1e6);
            return made;
          }};
}

Entry mlp() {
  const MlpClassifier m;
  Keys keys = {
      {"hidden", fmt::format("{}", m.hidden.front()), "units of a layer, or of each: 20-10"},
      {"layers", fmt::format("{}", m.hidden.size()), "hidden layers"},
      {"activation", to_string(m.activation), "sigmoid, tanh, relu or elu"}};
  const Keys common = image_keys(m);
  keys.insert(keys.begin(), common.front());
  keys.insert(keys.end(), common.begin() + 1, common.end());
  return {{"mlp", "a fully connected network on images, cross-entropy of a minibatch", keys},
          [](const SpecValues& v, const OptimizeeContext& context) -> AnyOptimizee {
            MlpClassifier made;
            made.hidden = widths_of(v);
            made.activation = v.choice(
                "activation", std::vector{HiddenActivation::sigmoid, HiddenActivation::tanh,
                                          HiddenActivation::relu, HiddenActivation::elu});
            set_common(made, v, context);
            return made;
          }};
}

Entry conv() {
  const ConvClassifier c;
  Keys keys = {
      {"filters", fmt::format("{}", c.filters), "channels of each convolution"},
      {"layers", fmt::format("{}", c.layers), "convolutions, each with a 2x2 pool"},
      {"kernel", fmt::format("{}", c.kernel), "side of a convolution's kernel, odd"},
      {"hidden", fmt::format("{}", c.hidden), "units of the linear layer before the last"}};
  const Keys common = image_keys(c);
  keys.insert(keys.begin(), common.front());
  keys.insert(keys.end(), common.begin() + 1, common.end());
  return {{"conv", "a convolutional network with batch normalisation on images", keys},
          [](const SpecValues& v, const OptimizeeContext& context) -> AnyOptimizee {
            ConvClassifier made;
            made.filters = v.whole("filters", 1, 4096);
            made.layers = v.whole("layers", 0, 16);
            made.kernel = v.whole("kernel", 1, 31);
            if (made.kernel % 2 == 0) v.refuse("kernel", v.text("kernel"), "an odd number");
            made.hidden = v.whole("hidden", 1, 65536);
            set_common(made, v, context);
            return made;
          }};
}

Entry bowl_entry() {
  return {{"bowl",
           bowl().formula,
           {{"curvature", "2", "second derivative"}, {"start", "1", "x0"}, functions_key()}},
          [](const SpecValues& v, const OptimizeeContext&) -> AnyOptimizee {
            TestFunction f =
                bowl(v.number("curvature", -1e12, 1e12), v.number("start", -1e12, 1e12));
            f.functions = functions_of(v);
            return f;
          }};
}

Entry double_well_entry() {
  return {{"double_well", double_well().formula, {{"start", "0.5", "x0"}, functions_key()}},
          [](const SpecValues& v, const OptimizeeContext&) -> AnyOptimizee {
            TestFunction f = double_well(v.number("start", -1e12, 1e12));
            f.functions = functions_of(v);
            return f;
          }};
}

Entry ridge() {
  return {{"ridge",
           "½ ‖X w - y‖² + ½ penalty ‖w‖², judged on other points: three and two, fixed",
           {{"penalty", "0.5", "λ, a setting: --with-respect-to penalty"}}},
          [](const SpecValues& v, const OptimizeeContext&) -> AnyOptimizee {
            return Ridge{.penalty = v.number("penalty", 0, 1e12)};
          }};
}

Entry plain(const TestFunction& f) {
  return {{f.called, f.formula, {functions_key()}},
          [f](const SpecValues& v, const OptimizeeContext&) -> AnyOptimizee {
            TestFunction made = f;
            made.functions = functions_of(v);
            return made;
          }};
}

const std::vector<Entry>& entries() {
  static const std::vector<Entry> all = [] {
    std::vector<Entry> list = {quadratic(),         mlp(),  conv(), bowl_entry(),
                               double_well_entry(), ridge()};
    for (const TestFunction& f : test_functions()) list.push_back(plain(f));
    return list;
  }();
  return all;
}

}  // namespace

const std::vector<SpecInfo>& optimizees_by_name() {
  static const std::vector<SpecInfo> all = [] {
    std::vector<SpecInfo> infos;
    for (const Entry& e : entries()) infos.push_back(e.info);
    return infos;
  }();
  return all;
}

AnyOptimizee make_optimizee(std::string_view spec, const OptimizeeContext& context) {
  std::vector<std::string> names;
  for (const Entry& e : entries()) names.push_back(e.info.name);
  const Entry& entry = entries()[place_of("optimizee", spec, names)];
  return entry.make(SpecValues("optimizee", entry.info, spec), context);
}

}  // namespace metatape::tasks
