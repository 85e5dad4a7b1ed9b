// commands.hpp: the program's table of commands. A new one is a function in a file of its own, a
// declaration here and a row in commands.cpp.
#pragma once

#include <span>

#include "invocation.hpp"

namespace metatape::cli {

/// In the order of --help; verbs of one noun stand together.
std::span<const Command> commands();

/// What a noun is about, for --help: "data" -> "what is learned on".
std::string noun_summary(std::string_view noun);

// fewshot/
int fewshot_train(Invocation& in);
int fewshot_eval(Invocation& in);
int fewshot_compare(Invocation& in);
int fewshot_oneshot(Invocation& in);
int fewshot_show(Invocation& in);
int fewshot_classify(Invocation& in);
int fewshot_ablate(Invocation& in);
// optimizer/
int optimizer_train(Invocation& in);
int optimizer_show(Invocation& in);
int optimizer_eval(Invocation& in);
int optimizer_tune(Invocation& in);
int optimizer_list(Invocation& in);
// reproduce/
int reproduce(Invocation& in);
// gradients/
int gradients_check(Invocation& in);
int gradients_compare(Invocation& in);
int gradients_horizon(Invocation& in);
int gradients_spectrum(Invocation& in);
int gradients_landscape(Invocation& in);
// data/show.cpp, data/check.cpp
int data_show(Invocation& in);
int data_check(Invocation& in);

}  // namespace metatape::cli
