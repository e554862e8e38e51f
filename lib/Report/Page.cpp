// Pages of HTML.

#include "moru/Report/Page.h"

#include "llvm/ADT/STLExtras.h"

using namespace llvm;

namespace moru {

std::string escapeHtml(StringRef text) {
  std::string result;
  for (char character : text)
    switch (character) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    default:
      result += character;
    }
  return result;
}

void Page::heading(StringRef text) { body += "<h2>" + escapeHtml(text) + "</h2>\n"; }
void Page::paragraph(StringRef text) { body += "<p>" + escapeHtml(text) + "</p>\n"; }
void Page::verbatim(StringRef text) { body += "<pre>" + escapeHtml(text) + "</pre>\n"; }

void Page::table(ArrayRef<std::vector<std::string>> rows) {
  body += "<table>\n";
  for (auto [index, row] : enumerate(rows)) {
    body += "<tr>";
    for (const std::string &cell : row)
      body += (index ? "<td>" : "<th>") + escapeHtml(cell) + (index ? "</td>" : "</th>");
    body += "</tr>\n";
  }
  body += "</table>\n";
}

std::string Page::text() const {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + escapeHtml(title) +
         "</title>\n<style>\n"
         "body { font: 15px/1.5 sans-serif; margin: 2em auto; max-width: 60em; padding: 0 1em; color: #222; }\n"
         "table { border-collapse: collapse; } th, td { padding: 0.1em 0.8em; text-align: left; }\n"
         "pre { background: #f5f5f5; padding: 0.5em 1em; white-space: pre-wrap; }\n"
         "svg { max-width: 100%; height: auto; } .heat td { padding: 0.1em 0.3em; font-size: 12px; }\n"
         ".heat th { font-weight: normal; font-size: 13px; white-space: pre; }\n"
         "</style>\n</head>\n<body>\n<h1>" +
         escapeHtml(title) + "</h1>\n" + body + "</body>\n</html>\n";
}

} // namespace moru
