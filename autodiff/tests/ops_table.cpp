// ops_table.cpp: every row of the table of ops held to its bounds, one test a row.
// A program of its own beside the Catch2 suites, so that each row counts and is named as a test.
// Ends with `N passed, N failed`.
#include <cstdio>
#include <exception>
#include <string>

#include "metatape/autodiff/op_checks.hpp"

int main(int argc, char** argv) {
  int passed = 0, failed = 0;
  for (const std::string& name : metatape::checked_ops()) {
    if (argc > 1 && name != argv[1]) continue;
    try {
      const metatape::OpReport r = metatape::check_op(name);
      const bool good = metatape::passes(r);
      (good ? passed : failed)++;
      std::printf("%-4s %-26s %2d cases  first %9.2e  recorded %9.2e  second %9.2e  f32 %9.2e\n",
                  good ? "ok" : "FAIL", name.c_str(), r.cases, r.first_order, r.recorded,
                  r.second_order, r.float32);
      for (const std::string& failure : r.failures) std::printf("     %s\n", failure.c_str());
    } catch (const std::exception& error) {
      ++failed;
      std::printf("FAIL %-26s %s\n", name.c_str(), error.what());
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed == 0 && passed > 0 ? 0 : 1;
}
