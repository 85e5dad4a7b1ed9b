// main.cpp: the program `metatape`. Everything it does is in the frame (program.cpp) and in the
// commands, which tests link too.
#ifdef __linux__
#include <malloc.h>
#endif

#include <string>
#include <vector>

#include "program.hpp"

int main(int argc, char** argv) {
#ifdef M_MMAP_THRESHOLD
  // glibc raises this bound to the largest block ever freed, after which the tensors of each
  // validation leave holes in the heap, and the process grows from one to the next.
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
  return metatape::cli::run_program(std::vector<std::string>(argv + (argc > 0), argv + argc));
}
