// idx_test.cpp: IDX files, plain and gzip, right and wrong; MNIST's folder; CIFAR-10's batches.
#include "metatape/tasks/images/idx.hpp"
#include "metatape/autodiff/error.hpp"
#include "metatape/tasks/images/readers.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using namespace metatape::tasks;
using scratch::Bytes;
using scratch::gzipped;
using scratch::idx;
using scratch::operator+;

namespace {

Bytes ramp(std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<std::uint8_t>(i * 7);
  return out;
}

const Bytes images = idx({3, 4, 5}, ramp(60));

}  // namespace

TEST_CASE("idx: plain and gzip give the same, told by content") {
  for (const Bytes& file : {images, gzipped(images)}) {
    const Idx read = decode_idx(file, "x.idx");
    CHECK(read.extents == std::vector<std::int64_t>{3, 4, 5});
    CHECK(read.bytes == ramp(60));
  }
}

TEST_CASE("idx: broken files are refused by one line") {
  const auto refuse = [](const Bytes& file) { decode_idx(file, "x.idx"); };
  const auto edited = [](std::size_t at, int value) {
    Bytes file = images;
    file[at] = static_cast<std::uint8_t>(value);
    return file;
  };
  CHECK_THROWS_WITH(refuse({}), "x.idx: empty file, IDX expected");
  CHECK_THROWS_WITH(refuse({0, 0, 8}), "x.idx: 3 bytes, too short for an IDX header");
  CHECK_THROWS_WITH(refuse({0, 0, 8, 3, 0, 0}), "x.idx: header cut short: 3 dimensions announced");
  CHECK_THROWS_WITH(refuse({0x1f, 0x8b, 8, 0, 0}),
                    "x.idx: gzip data cut short: truncated download?");
  CHECK_THROWS_WITH(refuse({0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0, 0}),
                    "x.idx: broken gzip data: unknown compression method");
  CHECK_THROWS_WITH(refuse(gzipped(gzipped(images))),
                    "x.idx: gzip inside gzip, an IDX file expected");
  CHECK_THROWS_WITH(refuse({3, 8, 0, 0, 1, 0, 0, 0}),
                    "x.idx: bytes reversed (magic 03 08 00 00): a little-endian file is not IDX");
  CHECK_THROWS_WITH(refuse({'P', 'K', 3, 4, 0}), "x.idx: not an IDX file (begins 50 4b 03 04)");
  CHECK_THROWS_WITH(refuse(edited(2, 0x0D)),
                    "x.idx: holds 32-bit floats (0x0D); bytes (0x08) are read");
  CHECK_THROWS_WITH(refuse(edited(3, 0)), "x.idx: 0 dimensions; 1 to 4 are read");
  CHECK_THROWS_WITH(refuse(edited(3, 5)), "x.idx: 5 dimensions; 1 to 4 are read");
  CHECK_THROWS_WITH(refuse(edited(11, 0)), "x.idx: a dimension is 0 (3 x 0 x 5)");
  CHECK_THROWS_WITH(refuse(idx({0xffffffffu, 0xffffffffu, 2}, {})),
                    "x.idx: its header promises 4294967295 x 4294967295 x 2 bytes, more than "
                    "is read");
  CHECK_THROWS_WITH(refuse(gzipped(idx({60000, 280, 28}, ramp(60)))),
                    "x.idx: its header promises 60000 x 280 x 28 = 470400000 bytes, more than its "
                    "gzip data can hold");
  Bytes cut = images;
  cut.pop_back();
  const std::string one_short =
      "x.idx: 60 bytes expected from its header (3 x 4 x 5), 59 found: truncated download?";
  CHECK_THROWS_WITH(refuse(cut), one_short);
  CHECK_THROWS_WITH(refuse(gzipped(cut)), one_short);
  const std::string one_long = "x.idx: 60 bytes expected from its header (3 x 4 x 5), 1 more found";
  CHECK_THROWS_WITH(refuse(images + Bytes{0}), one_long);
  CHECK_THROWS_WITH(refuse(gzipped(images + Bytes{0})), one_long);
  CHECK_THROWS_WITH(refuse(gzipped(images) + Bytes{1, 2}),
                    "x.idx: bytes after the end of the gzip data");
  Bytes crc = gzipped(images);
  crc[crc.size() - 6] ^= 1;
  CHECK_THROWS_WITH(refuse(crc), "x.idx: broken gzip data: incorrect data check");
}

TEST_CASE("idx: cut at any byte it is refused") {
  for (const Bytes& whole : {images, gzipped(images)})
    for (std::size_t n = 0; n < whole.size(); ++n) {
      CAPTURE(n);
      REQUIRE_THROWS_AS(decode_idx(std::span(whole).first(n), "x.idx"), DataError);
    }
}

TEST_CASE("idx: a pair must fit together") {
  const scratch::Folder folder;
  const std::string x = folder.write("x", images), y = folder.write("y", idx({3}, {0, 1, 255}));
  const std::string few = folder.write("few", idx({2}, {0, 1}));
  CHECK_THROWS_WITH(read_idx_pair(x, y), y + ": label 255 at position 2; labels are 0 to 254");
  CHECK_THROWS_WITH(read_idx_pair(x, few), x + ": 3 images, but 2 labels in " + few);
  CHECK_THROWS_WITH(read_idx_pair(few, few), few + ": 1 dimensions (2); images have 3");
  CHECK_THROWS_WITH(read_idx_pair(x, x), x + ": 3 dimensions (3 x 4 x 5); labels have 1");
  CHECK_THROWS_WITH(read_idx_pair(folder / "none", y), (folder / "none") + ": no such file");
  const std::string wide = folder.write("wide", idx({1, 1, 2000}, Bytes(2000)));
  CHECK_THROWS_WITH(read_idx_pair(wide, folder.write("one", idx({1}, {0}))),
                    wide + ": images of 1 x 2000; at most 1024 x 1024 are read");
  const std::string good = folder.write("good", idx({3}, {2, 0, 2}));
  const IdxPair pair = read_idx_pair(x, good);
  CHECK(pair.count == 3);
  CHECK(pair.height == 4);
  CHECK(pair.width == 5);
  CHECK(pair.labels == Bytes{2, 0, 2});
  const auto set = read_idx_set(x, good);
  REQUIRE(set->classes().size() == 2);
  CHECK(set->classes()[1].name == "2");
  CHECK(set->classes()[1].count == 2);
  CHECK(set->groups().empty());
}

TEST_CASE("mnist: a folder of four files, plain or gzip, labels 0 to 9") {
  const scratch::Folder folder;
  folder.write("train-images-idx3-ubyte.gz", gzipped(images));
  folder.write("train-labels-idx1-ubyte", idx({3}, {1, 9, 1}));
  folder.write("t10k-images-idx3-ubyte", images);
  CHECK_THROWS_WITH(read_mnist_files(folder.path()),
                    folder.path().string() + ": no t10k-labels-idx1-ubyte (plain or .gz)");
  const std::string labels =
      folder.write("t10k-labels-idx1-ubyte.gz", gzipped(idx({3}, {1, 10, 0})));
  CHECK_THROWS_WITH(read_mnist_files(folder.path()),
                    labels + ": label 10 at position 1; labels are 0 to 9");
  folder.write("t10k-labels-idx1-ubyte.gz", gzipped(idx({3}, {1, 0, 0})));
  const auto set = read_mnist(folder.path());
  CHECK(set->images() == 6);
  REQUIRE(set->classes().size() == 3);
  CHECK(set->classes()[1].count == 3);  // two of training, then one of test
  CHECK(set->image(set->classes()[2].first).bytes[5] == ramp(60)[25]);  // square: 5 x 5 of 4 x 5
}

TEST_CASE("cifar10: planes become pixels; lengths and labels are checked") {
  const scratch::Folder folder;
  CHECK_THROWS_WITH(
      read_cifar10(folder.path()),
      folder.path().string() + ": no data_batch_1.bin to data_batch_5.bin or test_batch.bin");
  Bytes record(3073);
  record[0] = 7;
  record[1 + 1] = 10;
  record[1 + 1024 + 1] = 20;
  record[1 + 2048 + 1] = 30;
  const std::string batch = folder.write("test_batch.bin", record + Bytes{1});
  CHECK_THROWS_WITH(read_cifar10(folder.path()),
                    batch + ": 3074 bytes, a multiple of 3073 (label and 32 x 32 x 3) expected");
  folder.write("test_batch.bin", record);
  const auto set = read_cifar10(folder.path());
  CHECK(set->classes()[0].name == "7");
  CHECK(set->channels() == 3);
  CHECK(set->image(0).bytes[3] == 10);
  CHECK(set->image(0).bytes[4] == 20);
  CHECK(set->image(0).bytes[5] == 30);
  folder.write("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nhorse\ni\nj\n\n");
  CHECK(read_cifar10(folder.path())->classes()[0].name == "horse");
  record[0] = 10;
  folder.write("test_batch.bin", record);
  CHECK_THROWS_WITH(read_cifar10(folder.path()),
                    batch + ": label 10 at image 0; labels are 0 to 9");
}
