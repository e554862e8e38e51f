// JSON of files that nobody vouches for. LLVM's parser calls itself for each level of nesting and keeps the last of
// several equal keys; both are looked for before it is called.

#ifndef MORU_SUPPORT_JSON_H
#define MORU_SUPPORT_JSON_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"

namespace moru {

/// Parses JSON; `source` names it in errors.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text, llvm::StringRef source);

/// The same for what must be an object.
llvm::Expected<llvm::json::Object> parseJsonObject(llvm::StringRef text, llvm::StringRef source);

} // namespace moru

#endif // MORU_SUPPORT_JSON_H
