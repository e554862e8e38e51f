// Pages of HTML that need nothing beside them: no script, no font, no file from elsewhere.

#ifndef MORU_REPORT_PAGE_H
#define MORU_REPORT_PAGE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>
#include <vector>

namespace moru {

/// Text as it stands in HTML, within an attribute too.
std::string escapeHtml(llvm::StringRef text);

/// A page, from the top to the bottom.
class Page {
public:
  explicit Page(llvm::StringRef title) : title(title) {}

  void heading(llvm::StringRef text);
  void paragraph(llvm::StringRef text);
  /// Text whose lines and spaces stay.
  void verbatim(llvm::StringRef text);
  /// The first row is the head.
  void table(llvm::ArrayRef<std::vector<std::string>> rows);
  /// A piece of HTML, such as a chart.
  void add(llvm::StringRef html) { body += html; }

  std::string text() const;

private:
  std::string title, body;
};

} // namespace moru

#endif // MORU_REPORT_PAGE_H
