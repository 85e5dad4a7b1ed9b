#include "metatape/metalearn/optimizers/checkpoint.hpp"

#include <fmt/format.h>

#include <utility>

#include "metatape/autodiff/error.hpp"
#include "metatape/metalearn/optimizers/by_name.hpp"

namespace metatape::metalearn {

nn::Checkpoint optimizer_checkpoint(const AnyOptimizer& optimizer, const Params& phi,
                                    std::map<std::string, std::string> metadata) {
  static_cast<void>(optimizer.with_phi(phi));  // refuses what would not load
  metadata["optimizer"] = optimizer.spec();
  return {phi.prefixed("phi"), std::move(metadata)};
}

void save_optimizer(const std::filesystem::path& path, const AnyOptimizer& optimizer,
                    const Params& phi, std::map<std::string, std::string> metadata) {
  nn::save(path, optimizer_checkpoint(optimizer, phi, std::move(metadata)));
}

AnyOptimizer optimizer_of(const nn::Checkpoint& checkpoint, const std::string& source) {
  const auto spec = checkpoint.metadata.find("optimizer");
  if (spec == checkpoint.metadata.end())
    throw DataError(
        fmt::format("{}: no 'optimizer' in its metadata: not an optimizer's checkpoint", source));
  const AnyOptimizer optimizer = [&] {
    try {
      return optimizer_by_name(spec->second);
    } catch (const DataError& error) {
      throw DataError(fmt::format("{}: {}", source, error.what()));
    }
  }();
  const Params phi = checkpoint.params.inside("phi");
  nn::require_layout(*phi.layout(), *optimizer.phi(phi.dtype()).layout(), source);
  return optimizer.with_phi(phi);
}

AnyOptimizer load_optimizer(const std::filesystem::path& path) {
  return optimizer_of(nn::load(path), path.string());
}

}  // namespace metatape::metalearn
