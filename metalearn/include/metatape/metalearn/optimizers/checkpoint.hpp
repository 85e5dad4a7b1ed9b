// checkpoint.hpp: learned optimizers in files.
// A safetensors file whose metadata holds "optimizer", the spec that by_name.hpp makes the model
// from, and whose tensors "phi.*" are its weights: what a training run saves is one, too.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "metatape/metalearn/optimizers/optimizer.hpp"
#include "metatape/nn/safetensors.hpp"

namespace metatape::metalearn {

/// The optimizer with these weights, and metadata of one's own.
nn::Checkpoint optimizer_checkpoint(const AnyOptimizer& optimizer, const Params& phi,
                                    std::map<std::string, std::string> metadata = {});
/// The same written, whole or not at all.
void save_optimizer(const std::filesystem::path& path, const AnyOptimizer& optimizer,
                    const Params& phi, std::map<std::string, std::string> metadata = {});

/// An optimizer whose phi() are the saved weights. DataError names `source` and what is wrong: not
/// an optimizer's, an unknown one, weights that are not that model's.
AnyOptimizer optimizer_of(const nn::Checkpoint& checkpoint, const std::string& source);
/// The same from a file; DataError also for what nn::load refuses.
AnyOptimizer load_optimizer(const std::filesystem::path& path);

}  // namespace metatape::metalearn
