// safetensors_test.cpp: what is saved comes back to the bit; broken, cut and damaged files are
// refused, each by its own line.
#include "metatape/nn/safetensors.hpp"

#include <cstring>
#include <limits>

#include "metatape/autodiff/error.hpp"
#include "metatape/nn/linear.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using nn::Checkpoint;
using nn::from_safetensors;
using nn::to_safetensors;

namespace {

std::string eight(std::uint64_t n) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &n, 8);
  return bytes;
}

std::string file(const std::string& header, const std::string& data = "") {
  return eight(header.size()) + header + data;
}

// One tensor "w" with these fields, over so many bytes of data.
std::string one(const std::string& dtype, const std::string& shape, const std::string& offsets,
                std::size_t data) {
  return file(
      R"({"w":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
      std::string(data, 'd'));
}

// Two float32 scalars "a" and "b" that lie where they say.
std::string two(const std::string& a, const std::string& b, std::size_t data) {
  return file(R"({"a":{"dtype":"F32","shape":[],"data_offsets":)" + a +
                  R"(},"b":{"dtype":"F32","shape":[],"data_offsets":)" + b + "}}",
              std::string(data, 'd'));
}

void refuse(const std::string& bytes) { (void)from_safetensors(bytes, "x.st"); }

Checkpoint trained(DType dtype = DType::f32) {
  return {nn::Mlp{.sizes = {2, 3, 1}}.init(Key{1}, dtype).prefixed("phi"), {{"step", "12"}}};
}

std::size_t header_end(const std::string& bytes) {
  std::uint64_t n = 0;
  std::memcpy(&n, bytes.data(), 8);
  return 8 + n;
}

}  // namespace

TEST_CASE("safetensors: what is written comes back to the bit") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const Params p(
        {{"matrix", normal({3, 4}, Key{1}, dtype)},
         {"scalar", Tensor::scalar(-0.0, dtype)},
         {"six", normal({2, 1, 3, 1, 2, 2}, Key{2}, dtype)},
         {"empty", Tensor::zeros({0, 5}, dtype)},
         {"special", Tensor::full({2}, std::numeric_limits<double>::quiet_NaN(), dtype)},
         {"infinite", Tensor::full({1, 1}, std::numeric_limits<double>::infinity(), dtype)},
         {"a name with \"quotes\", \\ and \n, ü and \xf0\x9f\x93\xbc", normal({2}, Key{3}, dtype)},
         {"", normal({1}, Key{4}, dtype)}});
    const Checkpoint back = from_safetensors(to_safetensors({p, {{"by", "me"}, {"", "ü"}}}));
    CHECK(identical(back.params, p));
    CHECK(back.params.dtype() == dtype);
    CHECK(back.metadata == std::map<std::string, std::string>{{"by", "me"}, {"", "ü"}});
  }
}

TEST_CASE("safetensors: no tensor at all is a file too") {
  const Checkpoint back = from_safetensors(to_safetensors({}));
  CHECK(back.params.empty());
  CHECK(back.metadata.empty());
  CHECK(from_safetensors(file("{}")).params.empty());
}

TEST_CASE("safetensors: the order is that of the Params, of empty tensors too") {
  const Params p({{"z", Tensor::zeros({0})},
                  {"b", Tensor::zeros({0, 2})},
                  {"y", Tensor({1}, {1.0f})},
                  {"q", Tensor::zeros({3, 0})},
                  {"c", Tensor::zeros({0})},
                  {"a", Tensor({1}, {2.0f})},
                  {"d", Tensor::zeros({0})}});
  CHECK(identical(from_safetensors(to_safetensors({p, {}})).params, p));
}

TEST_CASE("safetensors: parts give the bytes of what they are joined") {
  const Params a({{"w", Tensor({2}, {1.0f, 2.0f})}, {"none", Tensor::zeros({0})}});
  const Params b({{"x", Tensor({1, 3}, {3.0f, 4.0f, 5.0f})}});
  const std::map<std::string, std::string> metadata{{"by", "me"}};
  CHECK(to_safetensors({a, Params{}, b}, metadata) ==
        to_safetensors({Params::join({a, b}), metadata}));
  CHECK_THROWS_WITH(to_safetensors({a, a}, {}), "safetensors: two tensors are named 'w'");
  CHECK_THROWS_AS(to_safetensors({a, b.to(DType::f64).prefixed("b")}, {}), DTypeError);
}

TEST_CASE("safetensors: equal contents, equal bytes; the data begin on eight bytes") {
  const std::string once = to_safetensors(trained());
  CHECK(once == to_safetensors(trained()));
  CHECK(header_end(once) % 8 == 0);
  CHECK(once == to_safetensors(from_safetensors(once)));
}

TEST_CASE("safetensors: files of other programs are read as they stand") {
  const std::string data("\0\0\x80\x3f\0\0\0\x40", 8);  // 1 and 2
  const Checkpoint c = from_safetensors(file(
      R"({"b":{"shape":[1],"data_offsets":[4,8],"dtype":"F32"}, "__metadata__" : {"format":"pt"},
              "a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"more":[1,{"x":null}]}}   )",
      data));
  CHECK(c.params.entries()[0].name == "a");  // by place, not by name or header
  CHECK(c.params["a"].item() == 1);
  CHECK(c.params["b"].shape() == Shape{1});
  CHECK(c.params["b"].item() == 2);
  CHECK(c.metadata == std::map<std::string, std::string>{{"format", "pt"}});
}

TEST_CASE("safetensors: what cannot be read again is not written") {
  CHECK_THROWS_WITH(to_safetensors({{}, {{"crc32.w", "0"}}}),
                    "safetensors: the metadata name 'crc32.w' is the format's own");
  CHECK_THROWS_WITH(to_safetensors({{}, {{"metatape.version", "1"}}}),
                    "safetensors: the metadata name 'metatape.version' is the format's own");
  CHECK_THROWS_WITH(to_safetensors({Params({{"__metadata__", Tensor({1}, {1.0f})}}), {}}),
                    "safetensors: a tensor cannot be named '__metadata__'");
  const std::string latin1 =
      "safetensors: names and metadata are UTF-8, and of those given some "
      "are not";
  CHECK_THROWS_WITH(to_safetensors({Params({{"\xfc", Tensor({1}, {1.0f})}}), {}}), latin1);
  CHECK_THROWS_WITH(to_safetensors({{}, {{"by", "M\xfcller"}}}), latin1);
  CHECK_THROWS_WITH(
      to_safetensors({{}, {{"long", std::string(100'000'000, 'x')}}}),
      "safetensors: a header of 100000056 bytes, at most 100000000 can be read again");
}

TEST_CASE("safetensors: a broken header is refused by one line") {
  CHECK_THROWS_WITH(refuse(""),
                    "x.st: 0 bytes: not a safetensors file (8 for the header's length are needed)");
  CHECK_THROWS_WITH(refuse("1234567"),
                    "x.st: 7 bytes: not a safetensors file (8 for the header's length are needed)");
  CHECK_THROWS_WITH(refuse(eight(std::uint64_t{1} << 63) + "{}"),
                    "x.st: a header of 9223372036854775808 bytes is announced, 2 follow: "
                    "truncated, or not a safetensors file");
  CHECK_THROWS_WITH(refuse(eight(3) + "{}"),  // the file's size - 7
                    "x.st: a header of 3 bytes is announced, 2 follow: truncated, or not a "
                    "safetensors file");
  CHECK_THROWS_WITH(refuse(eight(0)), "x.st: the header does not begin with '{'");
  CHECK_THROWS_WITH(refuse(eight(0) + "{}"), "x.st: the header does not begin with '{'");
  CHECK_THROWS_WITH(refuse(file("[]")), "x.st: the header does not begin with '{'");
  CHECK_THROWS_WITH(refuse(file("  {}")), "x.st: the header does not begin with '{'");
  CHECK_THROWS_WITH(refuse(file("\xef\xbb\xbf{}")), "x.st: the header does not begin with '{'");
  CHECK_THROWS_WITH(refuse(file("{")), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file("{} {}")), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file("{\"\xff\":1}")), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file("{\"\xc0\xae\":1}")), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file("{\"a\":1e999}")), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file(std::string("{}\0", 3))), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file(std::string("{}\0hidden", 9))), "x.st: the header is not JSON");
  CHECK_THROWS_WITH(refuse(file("{\"a\":" + std::string(10'000, '['))),
                    "x.st: the header is nested too deeply");
  std::string objects = "{";
  for (int i = 0; i < 10'000; ++i) objects += "\"a\":{";
  CHECK_THROWS_WITH(refuse(file(objects)), "x.st: the header is nested too deeply");
}

TEST_CASE("safetensors: a name that stands twice is refused") {
  const std::string scalar = R"({"dtype":"F32","shape":[],"data_offsets":[0,4]})";
  CHECK_THROWS_WITH(refuse(file(R"({"w":)" + scalar + R"(,"w":)" + scalar + "}", "dddd")),
                    "x.st: the name 'w' stands twice in the header");
  CHECK_THROWS_WITH(refuse(file(R"({"w":)" + scalar + R"(,"\u0077":)" + scalar + "}", "dddd")),
                    "x.st: the name 'w' stands twice in the header");
  CHECK_THROWS_WITH(refuse(file(R"({"":)" + scalar + R"(,"":)" + scalar + "}", "dddd")),
                    "x.st: the name '' stands twice in the header");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{},"__metadata__":{}})")),
                    "x.st: the name '__metadata__' stands twice in the header");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"by":"a","by":"b"}})")),
                    "x.st: the name 'by' stands twice in the header");
  CHECK_THROWS_WITH(
      refuse(file(R"({"w":{"dtype":"F32","shape":[1],"shape":[],"data_offsets":[0,4]}})", "dddd")),
      "x.st: the name 'shape' stands twice in the header");
}

TEST_CASE("safetensors: tensors that lack a field") {
  const std::string said = "x.st: tensor 'w': dtype, shape and data_offsets are needed";
  CHECK_THROWS_WITH(refuse(file(R"({"w":1})")), said);
  CHECK_THROWS_WITH(refuse(file(R"({"w":null})")), said);
  CHECK_THROWS_WITH(refuse(file(R"({"w":[1,2,3]})")), said);
  CHECK_THROWS_WITH(refuse(file(R"({"w":{"shape":[],"data_offsets":[0,4]}})", "dddd")), said);
  CHECK_THROWS_WITH(refuse(file(R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", "dddd")), said);
  CHECK_THROWS_WITH(refuse(file(R"({"w":{"dtype":"F32","shape":[]}})", "dddd")), said);
}

TEST_CASE("safetensors: shapes that are none") {
  const std::string whole = "x.st: tensor 'w': an extent is not a whole number of 0 or more";
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[-1]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[-1,-1]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1.5]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1.0]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1e0]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", R"(["1"])", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[[1]]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[null]", "[0,4]", 4)), whole);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[18446744073709551616]", "[0,0]", 0)), whole);  // 2^64
  const std::string list = "x.st: tensor 'w': shape is not a list of at most 6 numbers";
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "1", "[0,4]", 4)), list);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", R"({"0":1})", "[0,4]", 4)), list);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1,1,1,1,1,1,1]", "[0,4]", 4)), list);
  const std::string beyond = "x.st: tensor 'w': the extents multiply beyond 2^57";
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[4294967296,4294967296]", "[0,0]", 0)), beyond);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[0,4294967296,4294967296]", "[0,0]", 0)), beyond);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[9223372036854775808]", "[0,0]", 0)), beyond);
  CHECK_THROWS_WITH(refuse(one(R"("F64")", "[2305843009213693952]", "[0,0]", 0)), beyond);  // 2^61
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[3]", "[0,8]", 8)),
                    "x.st: tensor 'w': 8 bytes for shape [3], which needs 12");
  CHECK_THROWS_WITH(refuse(one(R"("F64")", "[]", "[0,4]", 4)),
                    "x.st: tensor 'w': 4 bytes for shape [], which needs 8");
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[0]", "[0,4]", 4)),
                    "x.st: tensor 'w': 4 bytes for shape [0], which needs 0");
  // Petabytes announced by a hundred bytes: no memory is asked for.
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1125899906842624]", "[0,4503599627370496]", 4)),
                    "x.st: tensor 'w': data_offsets [0, 4503599627370496] in 4 bytes of data: "
                    "truncated?");
}

TEST_CASE("safetensors: offsets that are none") {
  const std::string numbers = "x.st: tensor 'w': data_offsets are not two numbers";
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "4", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[4]", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[0,4,8]", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[-4,0]", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[0,4.0]", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", R"(["0","4"])", 4)), numbers);
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[4,0]", 4)),
                    "x.st: tensor 'w': data_offsets [4, 0] in 4 bytes of data: truncated?");
  CHECK_THROWS_WITH(refuse(one(R"("F32")", "[1]", "[4,8]", 4)),
                    "x.st: tensor 'w': data_offsets [4, 8] in 4 bytes of data: truncated?");
  CHECK_THROWS_WITH(
      refuse(one(R"("F32")", "[1]", "[18446744073709551612,18446744073709551615]", 4)),
      "x.st: tensor 'w': data_offsets [18446744073709551612, 18446744073709551615] "
      "in 4 bytes of data: truncated?");
}

TEST_CASE("safetensors: tensors tile the data, without overlap or hole") {
  CHECK(from_safetensors(two("[4,8]", "[0,4]", 8)).params.entries()[0].name == "b");
  CHECK_THROWS_WITH(refuse(two("[0,4]", "[0,4]", 4)),
                    "x.st: tensor 'b' begins at byte 0, 4 is expected: overlap or hole");
  CHECK_THROWS_WITH(refuse(two("[0,4]", "[2,6]", 6)),
                    "x.st: tensor 'b' begins at byte 2, 4 is expected: overlap or hole");
  CHECK_THROWS_WITH(refuse(two("[0,4]", "[5,9]", 9)),
                    "x.st: tensor 'b' begins at byte 5, 4 is expected: overlap or hole");
  CHECK_THROWS_WITH(refuse(two("[1,5]", "[5,9]", 9)),
                    "x.st: tensor 'a' begins at byte 1, 0 is expected: overlap or hole");
  CHECK_THROWS_WITH(refuse(two("[0,4]", "[4,8]", 11)), "x.st: 3 bytes of data belong to no tensor");
  CHECK_THROWS_WITH(refuse(file("{}", "d")), "x.st: 1 bytes of data belong to no tensor");
}

TEST_CASE("safetensors: types other than ours") {
  for (const char* type :
       {"\"BF16\"", "\"F16\"", "\"I64\"", "\"U8\"", "\"f32\"", "\"\"", "32", "null", "[\"F32\"]"})
    CHECK_THROWS_WITH(refuse(one(type, "[1]", "[0,4]", 4)),
                      "x.st: tensor 'w': type " + std::string(type) + ": F32 or F64 is expected");
  CHECK_THROWS_WITH(refuse(file(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
                                R"("b":{"dtype":"F64","shape":[],"data_offsets":[4,12]}})",
                                std::string(12, 'd'))),
                    "x.st: tensor 'b': F32 and F64 do not mix in one file");
}

TEST_CASE("safetensors: metadata are strings, of our version") {
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"step":12}})")),
                    "x.st: __metadata__ 'step' is not a string");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"deep":{"a":"b"}}})")),
                    "x.st: __metadata__ 'deep' is not a string");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":12})")),
                    "x.st: __metadata__ is not an object of strings");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":null})")),
                    "x.st: __metadata__ is not an object of strings");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"metatape.version":"2"}})")),
                    "x.st: format version 2, this program reads 1: written by a newer metatape?");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"metatape.version":1}})")),
                    "x.st: __metadata__ 'metatape.version' is not a string");
}

TEST_CASE("safetensors: checksums are held to, and none may lack") {
  std::string bytes = to_safetensors({Params({{"w", Tensor({2}, {1.0f, 2.0f})}}), {}});
  bytes.back() ^= 1;
  CHECK_THROWS_WITH(refuse(bytes),
                    "x.st: tensor 'w': checksum 593895e0, stored is 2e3fa576: the data are "
                    "damaged");
  CHECK_THROWS_WITH(refuse(file(R"({"__metadata__":{"crc32.v":"2e3fa576"},)"
                                R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                "dddd")),
                    "x.st: tensor 'w' has no checksum");
}

TEST_CASE("safetensors: cut anywhere, a file is refused") {
  for (const DType dtype : {DType::f32, DType::f64}) {
    const std::string whole = to_safetensors(trained(dtype));
    for (std::size_t n = 0; n < whole.size(); ++n) {
      INFO(n << " of " << whole.size() << " bytes");
      CHECK_THROWS_AS(from_safetensors(whole.substr(0, n)), DataError);
    }
    CHECK_THROWS_AS(from_safetensors(whole + '\0'), DataError);
  }
}

TEST_CASE("safetensors: one flipped bit never makes other tensors") {
  const Params odd({{"a", Tensor({2, 1}, {1.0f, 2.0f})},
                    {"none", Tensor::zeros({0, 3})},
                    {"s", Tensor::scalar(3)},
                    {"end", Tensor::zeros({10, 0, 2})}});
  for (const Checkpoint& c : {trained(), trained(DType::f64), Checkpoint{odd, {}}}) {
    const std::string whole = to_safetensors(c);
    const std::size_t data = header_end(whole);
    int refused = 0;
    for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      std::string damaged = whole;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
      try {
        const Params read = from_safetensors(damaged).params;
        INFO("bit " << bit % 8 << " of byte " << bit / 8 << " of " << whole);
        CHECK(bit / 8 < data);
        CHECK(identical(read, c.params));
      } catch (const DataError&) {
        ++refused;
      }
    }
    CHECK(refused > static_cast<int>(8 * whole.size() / 2));
  }
}

TEST_CASE("safetensors: files, and what is said of those that do not load") {
  const scratch::Folder folder;
  const auto path = folder / "w.safetensors";
  nn::save(path, trained());
  CHECK(scratch::content(path) == to_safetensors(trained()));
  const Checkpoint back = nn::load(path);
  CHECK(identical(back.params, trained().params));
  CHECK(back.metadata.at("step") == "12");
  CHECK_THROWS_WITH(nn::load(folder / "none"),
                    (folder / "none").string() + ": cannot be read: No such file or directory");
  const auto cut = folder.write("cut", scratch::content(path).substr(0, 5));
  CHECK_THROWS_WITH(nn::load(cut), cut.string() +
                                       ": 5 bytes: not a safetensors file (8 for the "
                                       "header's length are needed)");
}

TEST_CASE("safetensors: a file is held to a model's names and shapes") {
  const Layout model({{"w", {2, 3}}, {"b", {3}}});
  nn::require_layout(model, model, "x.st");
  nn::require_layout(Layout({{"b", {3}}, {"w", {2, 3}}}), model, "x.st");  // in any order
  CHECK_THROWS_WITH(nn::require_layout(Layout({{"w", {2, 3}}}), model, "x.st"),
                    "x.st: tensor 'b' is missing: of another model?");
  CHECK_THROWS_WITH(
      nn::require_layout(Layout({{"w", {2, 3}}, {"b", {3}}, {"c", {1}}}), model, "x.st"),
      "x.st: tensor 'c' is not expected: of another model?");
  CHECK_THROWS_WITH(nn::require_layout(Layout({{"w", {3, 2}}, {"b", {3}}}), model, "x.st"),
                    "x.st: tensor 'w' is [3, 2], [2, 3] is expected: of another model?");
  CHECK_THROWS_AS(nn::require_layout(Layout({{"w", {6}}, {"b", {3}}}), model, "x.st"), DataError);
  CHECK_THROWS_AS(nn::require_layout({}, model, "x.st"), DataError);
}
