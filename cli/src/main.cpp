// main.cpp: the program `metatape`. Everything it does is in the frame (program.cpp) and in the
// commands, which tests link too.
#include <string>
#include <vector>

#include "program.hpp"

int main(int argc, char** argv) {
  return metatape::cli::run_program(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
