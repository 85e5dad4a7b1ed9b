// error.hpp: what the library throws.
// Every message is one sentence that names the op (or the file), the values met and what was
// expected. Catch metatape::Error for all of them; a user's mistake never aborts the process.
#pragma once

#include <stdexcept>

namespace metatape {

/// The root of all that metatape throws on purpose.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes that do not fit: `matmul: [128, 20] x [10, 784]: inner dimensions 20 and 10 differ`.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// float32 met where float64 stands, or the reverse. `cast` converts.
class DTypeError : public Error {
 public:
  using Error::Error;
};

/// A value out of its range, a broken file, a name that does not exist.
class DataError : public Error {
 public:
  using Error::Error;
};

/// A Var used after its record was rewound or its tape died; Vars of two tapes; a gradient asked of
/// a tape that does not record; more than 2^28 records on one.
class TapeError : public Error {
 public:
  using Error::Error;
};

/// A NaN or an infinity where a number was needed; names the op or the step that made it.
class NumericError : public Error {
 public:
  using Error::Error;
};

}  // namespace metatape
