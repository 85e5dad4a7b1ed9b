// tape.hpp: the record of one computation, in order.
// Values, saved activations and adjoints lie in memory that the tape keeps: after the first step a
// loop that marks and rewinds calls no malloc and touches no new page; only what hands back a
// vector or makes Indices (split, sort, argmax, pick, logdet), checkpoint, users' ops by closures
// and recorded gradients ask for a few blocks. It holds up to 2^28 records, and belongs to one
// thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "metatape/autodiff/tensor.hpp"
#include "metatape/autodiff/var.hpp"

namespace metatape {

class Threads;

/// off: the same code runs, but no pullback and no saved activation is kept, and `grad` throws
/// TapeError. For evaluation and evolution strategies.
enum class Recording { on, off };

/// Time and bytes by op, filled while a tape is given one (TapeOptions::profile), or by all tapes
/// (ProfileAll).
struct Profile {
  struct Entry {
    std::int64_t calls = 0;
    double forward_s = 0;    ///< seconds in the op's value
    double pullback_s = 0;   ///< seconds in its fast pullback
    std::int64_t bytes = 0;  ///< values and saved activations made
  };
  std::map<std::string, Entry> ops;
};

/// While it lives, tapes that are made without a profile of their own are profiled, of whatever
/// thread: a program sees where its time goes without handing a profile down. Of several that live
/// tapes join the one made last.
class ProfileAll {
 public:
  ProfileAll();
  ~ProfileAll();
  ProfileAll(const ProfileAll&) = delete;
  ProfileAll& operator=(const ProfileAll&) = delete;

  /// What these tapes have met so far, seconds added up over threads. None of them may be at work.
  [[nodiscard]] Profile gathered() const;

  struct Gathering;

 private:
  std::shared_ptr<Gathering> gathering_;
};

struct TapeOptions {
  Recording recording = Recording::on;
  Threads* threads = nullptr;  ///< big ops split their work over it; null: one thread
  bool check_finite = false;   ///< anomaly detection: NumericError at the first NaN or infinity
  bool timed = false;          ///< keep each op's time, shown by text() and dot()
  Profile* profile = nullptr;  ///< accumulate here; must outlive the tape
};

struct TapeMemory {
  std::size_t used = 0;      ///< bytes behind the records that stand
  std::size_t peak = 0;      ///< the most ever used at once, adjoints included
  std::size_t reserved = 0;  ///< taken from the system and kept
};

class Tape {
 public:
  explicit Tape(const TapeOptions& options = {});
  explicit Tape(Recording recording, Threads* threads = nullptr)
      : Tape(TapeOptions{.recording = recording, .threads = threads}) {}
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;
  Tape(Tape&&) noexcept;
  Tape& operator=(Tape&&) noexcept;

  /// A leaf that gradients can be taken of. Shares the tensor's storage.
  Var variable(const Tensor& value);
  /// A leaf that is constant to every gradient.
  Var constant(const Tensor& value);
  Var constant(double value, DType dtype = DType::f32);

  /// Takes back what was recorded while it lived, in O(1) but for destructors of kept objects.
  /// Vars made inside are stale afterwards. Scopes nest like blocks.
  class Scope {
   public:
    explicit Scope(Tape& tape);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    struct Mark {
      std::uint32_t nodes = 0;
      std::uint32_t keepers = 0;
      std::uint32_t chunk = 0;
      std::size_t offset = 0;
    };

   private:
    detail::TapeState* state_;
    Mark mark_;
  };

  /// Rewinds to the empty tape, keeping its memory.
  void clear();

  [[nodiscard]] Recording recording() const;
  [[nodiscard]] Threads* threads() const;
  [[nodiscard]] std::int64_t size() const;  ///< records that stand
  [[nodiscard]] TapeMemory memory() const;
  void reset_peak();  ///< memory().peak starts anew from what is used now

  /// One line a record: index, op, inputs, shape, bytes, and time where `timed`.
  [[nodiscard]] std::string text() const;
  /// The same as a Graphviz digraph.
  [[nodiscard]] std::string dot() const;

  [[nodiscard]] detail::TapeState& state() const { return *state_; }  ///< for writers of ops

 private:
  std::unique_ptr<detail::TapeState> state_;
};

/// The same value, constant to every gradient. Shares storage.
Var stop_gradient(Var x);

}  // namespace metatape
