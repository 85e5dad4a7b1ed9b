// The table of ops is whole: what the headers declare and what src/ops defines is checked by a row,
// at every order.
#include "support/catch.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "checks/row.hpp"
#include "metatape/autodiff.hpp"

using namespace metatape;

namespace {

const std::filesystem::path root = METATAPE_AUTODIFF_ROOT;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator i(text.begin(), text.end(), pattern), end; i != end; ++i)
    found.insert((*i)[1]);
  return found;
}

// Names of free functions: a declaration begins in the first column, whatever it returns.
std::set<std::string> functions_of(const std::string& header) {
  static const std::regex function(
      R"((?:^|\n)(?:\[\[nodiscard\]\] |inline |constexpr )*[A-Za-z_][\w:]*(?:<[^;{}()]*>)?[&*]?[ \n]+(\w+)\()");
  std::set<std::string> names = matches(header, function);
  names.erase("operator");
  return names;
}

std::set<std::string> checked_names() {
  const std::vector<std::string> names = checked_ops();
  std::set<std::string> checked(names.begin(), names.end());
  CHECK(checked.size() == names.size());
  return checked;
}

// Names of the rules in the sources: `name = "exp"`, and both of `name = larger ? "a" : "b"`.
std::set<std::string> rules() {
  static const std::regex one(R"x(static constexpr const char\* name = "(\w+)")x"),
      either(R"x(static constexpr const char\* name = \w+ \? "(\w+)" : "\w+")x"),
      other(R"x(static constexpr const char\* name = \w+ \? "\w+" : "(\w+)")x");
  std::set<std::string> names;
  for (const auto& file : std::filesystem::recursive_directory_iterator(root / "src"))
    if (file.path().extension() == ".cpp")
      for (const std::regex& pattern : {one, either, other})
        names.merge(matches(read(file.path()), pattern));
  return names;
}

}  // namespace

TEST_CASE("declarations are found whatever they return", "[table]") {
  CHECK(functions_of("// Var not(\nVar a(Var x);\n[[nodiscard]] Var b(Var x);\n"
                     "std::pair<Var, Var> c(Var x);\nstd::vector<Var>\nd(Var x);\n"
                     "struct S {\n  Var member(Var x);\n};\nVar operator+(Var a, Var b);\n") ==
        std::set<std::string>{"a", "b", "c", "d"});
}

TEST_CASE("every function declared in ops/ has a row in the table", "[table]") {
  const std::set<std::string> checked = checked_names();
  std::set<std::string> declared;
  for (const auto& file :
       std::filesystem::directory_iterator(root / "include/metatape/autodiff/ops"))
    declared.merge(functions_of(read(file.path())));
  CHECK(declared.size() > 90);
  for (const std::string& name : declared) {
    INFO(name << " is declared in ops/ and has no row in src/checks/");
    CHECK(checked.contains(name));
  }
}

TEST_CASE("every function elsewhere that records has a row in the table", "[table]") {
  // Those that give no Var, or do nothing but call another that has a row.
  const std::set<std::string> others{"grad",
                                     "grad_into",
                                     "vector_jacobian",
                                     "recorded_vector_jacobian",  // every row runs it
                                     "jacobian_vector",
                                     "hessian_vector",
                                     "jacobian",
                                     "hessian"};
  const std::set<std::string> checked = checked_names();
  for (const char* header : {"gradients.hpp", "tape.hpp", "custom.hpp"})
    for (const std::string& name :
         functions_of(read(root / "include/metatape/autodiff" / header))) {
      INFO(name << " is declared in " << header << " and has no row in src/checks/");
      CHECK(checked.contains(name) != others.contains(name));
    }
}

TEST_CASE("every rule in the sources is run by a row, and so is its pullback", "[table]") {
  Profile values;
  for (const DType dtype : {DType::f64, DType::f32})
    for (const checks::Row& row : checks::table()) {
      Tape tape{TapeOptions{.profile = &values}};
      std::vector<Var> vars;
      for (const Tensor& x : checks::inputs_of(row, 1, Key{1}))
        vars.push_back(tape.variable(x.to(dtype)));
      const Var y = row.call(vars);
      if (!row.differentiable || !y.differentiable()) continue;
      const Var v = tape.variable(normal(y.shape(), Key{2}, y.dtype()));
      Var all = sum(y * v);
      if (row.second_order)
        for (const Var& g : recorded_vector_jacobian(y, vars, v)) all = all + sum(square(g));
      vars.push_back(v);
      static_cast<void>(grad(all, vars));  // goes back through the recorded pullbacks too
    }
  const std::set<std::string> named = rules();
  CHECK(named.size() > 70);
  // Nothing goes back through these; of straight_through's gradient gradients_test.cpp tells.
  const std::set<std::string> flat{"equal",         "less",    "less_equal",      "sign",
                                   "greater_equal", "greater", "straight_through"};
  for (const std::string& name : named) {
    if (name == "custom") continue;  // goes by the user's name
    INFO(name << " is defined in src/ and no row runs it");
    CHECK(values.ops.contains(name));
    if (!values.ops.contains(name) || flat.contains(name)) continue;
    INFO(name << " has a pullback that no row runs");
    CHECK(values.ops.at(name).pullback_s > 0);
  }
}

TEST_CASE("no row leaves out an order but those that the pages name", "[table]") {
  std::set<std::string> flat, once;
  for (const checks::Row& row : checks::table()) {
    CHECK(row.shapes.size() >= 3);
    if (!row.differentiable)
      flat.insert(row.name);
    else if (!row.second_order)
      once.insert(row.name);
  }
  CHECK(flat == std::set<std::string>{"argmax", "argsort", "equal", "greater", "greater_equal",
                                      "less", "less_equal", "sign", "stop_gradient",
                                      "straight_through"});
  CHECK(once == std::set<std::string>{"known_gradient"});
}
