#include "metatape/tasks/optimizees/network_start.hpp"

#include "draws.hpp"
#include "metatape/nn/init.hpp"

namespace metatape::tasks {

const char* to_string(NetworkStart start) {
  switch (start) {
    case NetworkStart::tiny:
      return "tiny";
    case NetworkStart::glorot:
      return "glorot";
    case NetworkStart::both:
      break;
  }
  return "both";
}

Params network_start(const std::vector<std::pair<std::string, Shape>>& tensors, NetworkStart start,
                     double deviation, Key key, DType dtype) {
  const bool tiny = start == NetworkStart::tiny ||
                    (start == NetworkStart::both && Random(key.split("start")).chance(0.5));
  std::vector<std::pair<std::string, Tensor>> values;
  for (const auto& [name, shape] : tensors) {
    const Key own = key.split(name);
    Tensor value = Tensor::zeros(shape, dtype);
    if (tiny && !name.ends_with("norm.bias"))
      value = scaled_normal(shape, own, deviation, dtype);
    else if (!tiny && name.ends_with("weight"))
      value = nn::glorot_uniform(shape, own, dtype);
    values.emplace_back(name, std::move(value));
  }
  return Params(values);
}

}  // namespace metatape::tasks
