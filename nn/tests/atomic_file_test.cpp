// atomic_file_test.cpp: the old file or the new one, whole, whatever goes wrong; and no stray
// temporaries.
#include "metatape/nn/atomic_file.hpp"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "metatape/autodiff/error.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace metatape;
using nn::read_file;
using nn::write_atomically;

namespace {

using Names = std::vector<std::string>;

// While it lives, no file of this process grows beyond so many bytes: a disk that is full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    handler_ = ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

std::string failure(const std::filesystem::path& path, const std::string& bytes) {
  try {
    write_atomically(path, bytes);
  } catch (const DataError& e) {
    return e.what();
  }
  return "written";
}

}  // namespace

TEST_CASE("atomic_file: bytes are written and read as they are, old ones replaced") {
  const scratch::Folder folder;
  const auto path = folder / "w";
  std::string all;
  for (int i = 0; i < 300'000; ++i) all.push_back(static_cast<char>(i * 31));
  for (const std::string& bytes :
       {std::string("first"), all, std::string(), std::string(1, '\0')}) {
    write_atomically(path, bytes);
    CHECK(scratch::content(path) == bytes);
    CHECK(read_file(path) == bytes);
    CHECK(folder.list() == Names{"w"});
  }
}

TEST_CASE("atomic_file: a name without a folder is one in the working folder") {
  const scratch::Folder folder;
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder / "");
  write_atomically("w", "here");
  std::filesystem::current_path(before);
  CHECK(scratch::content(folder / "w") == "here");
}

TEST_CASE("atomic_file: no folder to write into") {
  const scratch::Folder folder;
  const auto path = folder / "none/w";
  CHECK(failure(path, "new") == path.string() + ": cannot be written: No such file or directory");
  CHECK(folder.list().empty());
}

TEST_CASE("atomic_file: a disk that fills up leaves the old file and no temporary") {
  const scratch::Folder folder;
  const auto path = folder.write("w", "old");
  std::string said;
  {
    const FullDisk full(4096);
    said = failure(path, std::string(100'000, 'n'));
  }
  CHECK(said == path.string() + ": cannot be written: File too large");
  CHECK(scratch::content(path) == "old");
  CHECK(folder.list() == Names{"w"});
  write_atomically(path, std::string(100'000, 'n'));  // and once there is room, it is written
  CHECK(scratch::content(path) == std::string(100'000, 'n'));
}

TEST_CASE("atomic_file: a temporary that cannot be made leaves the old file") {
  const scratch::Folder folder;
  const std::string name(253, 'w');  // a name may have 255 bytes: the temporary's has more
  const auto path = folder.write(name, "old");
  CHECK(failure(path, "new") == path.string() + ": cannot be written: File name too long");
  CHECK(scratch::content(path) == "old");
  CHECK(folder.list() == Names{name});
}

TEST_CASE("atomic_file: a folder is not replaced by a file") {
  const scratch::Folder folder;
  const auto path = folder / "w";
  std::filesystem::create_directory(path);
  const auto inside = folder.write("w/kept", "old");
  const std::string said = failure(path, "new");
  CHECK(said.starts_with(path.string() + ": cannot be "));
  CHECK(said.ends_with(": Is a directory"));
  CHECK(scratch::content(inside) == "old");
  CHECK(folder.list() == Names{"w"});
}

TEST_CASE("atomic_file: whoever reads meanwhile sees one file or the other, whole") {
  const scratch::Folder folder;
  const auto path = folder / "w";
  const std::string a(50'000, 'a'), b(70'000, 'b');
  write_atomically(path, a);
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0, reads = 0;
  std::thread reader([&] {
    do {
      const std::string seen = read_file(path);
      torn += seen != a && seen != b;
      ++reads;
    } while (!done);
  });
  for (int i = 0; i < 30; ++i) write_atomically(path, i % 2 ? a : b);
  done = true;
  reader.join();
  CHECK(torn == 0);
  CHECK(reads > 0);
}

TEST_CASE("atomic_file: a writer killed at any moment leaves a whole file") {
  const scratch::Folder folder;
  const auto path = folder / "w";
  const std::string a(50'000, 'a'), b(70'000, 'b');
  write_atomically(path, a);
  for (int round = 0; round < 10; ++round) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      ::alarm(10);  // ends it should its parent not live to
      try {
        for (int i = 0;; ++i) write_atomically(path, i % 2 ? a : b);
      } catch (...) {
        ::_exit(1);  // not into the test program's own clean-up
      }
    }
    std::this_thread::sleep_for(std::chrono::microseconds(500 + 1700 * round));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    const std::string left = scratch::content(path);
    CHECK((left == a || left == b));
    CHECK(nn::remove_stray_temporaries(path) <= 1);
    CHECK(folder.list() == Names{"w"});
  }
}

TEST_CASE("atomic_file: strays are temporaries of this file, and of no other") {
  const scratch::Folder folder;
  const Names kept{"v.12.tmp",     "w",         "w.-1.tmp", "w..tmp",   "w.12",
                   "w.12.tmp.bak", "w.12a.tmp", "w.tmp",    "ww.12.tmp"};
  for (const std::string& name : kept) (void)folder.write(name, "kept");
  for (const char* name : {"w.1.tmp", "w.4194304.tmp", "w.007.tmp"}) (void)folder.write(name, "");
  CHECK(nn::remove_stray_temporaries(folder / "w") == 3);
  CHECK(folder.list() == kept);
  CHECK(nn::remove_stray_temporaries(folder / "w") == 0);
  CHECK(nn::remove_stray_temporaries(folder / "none/w") == 0);
}

TEST_CASE("atomic_file: what is read is there, a file, and not too large") {
  const scratch::Folder folder;
  const auto path = folder.write("w", "12345");
  CHECK(read_file(path, 5) == "12345");
  CHECK_THROWS_WITH(read_file(path, 4), path.string() + ": larger than 4 bytes");
  CHECK_THROWS_WITH(read_file(folder / "none"),
                    (folder / "none").string() + ": cannot be read: No such file or directory");
  CHECK_THROWS_WITH(read_file(folder / ""),
                    (folder / "").string() + ": cannot be read: Is a directory");
  CHECK_THROWS_WITH(read_file(path / "below"),
                    (path / "below").string() + ": cannot be read: Not a directory");
  // A device says that it holds nothing, and never ends.
  CHECK_THROWS_WITH(read_file("/dev/zero", 100'000), "/dev/zero: larger than 100000 bytes");
  CHECK(read_file("/dev/null").empty());
}
