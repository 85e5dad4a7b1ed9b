// page_runner.hpp: runs the blocks of the pages, for the program that extract.py writes.
// Without an argument it lists the blocks; with a number it runs that one. Each is run in a
// process of its own, so that one that dies does not hide the others.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

struct Block {
  const char* where;
  int (*run)();  // null: compiled only
};

inline int run_blocks(const std::vector<Block>& blocks, int argc, char** argv) {
  if (argc == 1) {
    for (const Block& b : blocks) std::printf("%s %s\n", b.run ? "run" : "compiled", b.where);
    return 0;
  }
  try {
    return blocks.at(std::strtoul(argv[1], nullptr, 10)).run();
  } catch (const std::exception& e) {
    std::printf("threw %s\n", e.what());
    return 1;
  }
}
