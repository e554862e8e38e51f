// moru verify: recorded runs of an independent implementation, repeated and compared.

#include "Command.h"
#include "Options.h"

#include "moru/Support/Files.h"
#include "moru/Support/Format.h"
#include "moru/Train/RecordedRun.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace llvm;

namespace moru {

static constexpr StringLiteral kExamples = R"(
EXAMPLES:

  moru verify data/parity/lstm_lm data/parity/lstm_lm_2layer_carried
  moru verify data/parity/lstm_lm --cpu=x86-64-v3 --threads=2 --json
)";

namespace {

class VerifyCommand : public Command {
public:
  VerifyCommand() : Command("verify", "Compare with recorded runs", kExamples), plugins(sub), target(sub) {}
  Error run() override;

private:
  PluginOptions plugins;
  TargetOptions target;
  cl::list<std::string> folders{cl::Positional, cl::OneOrMore, cl::desc("<folder>..."), cl::sub(sub)};
  cl::opt<bool> json{"json", cl::desc("Print a line of JSON for each row"), cl::sub(sub)};
};

} // namespace

static void printJson(const RecordedReport &report) {
  for (const RecordedRow &row : report.rows) {
    json::Object line{{"case", report.name}, {"what", row.what}, {"passed", row.passed()}};
    if (row.problem.empty()) {
      line["error"] = std::isfinite(row.error) ? json::Value(row.error) : json::Value("infinite");
      line["tolerance"] = row.tolerance;
      line["worst"] = row.where;
      if (row.rounding > 0)
        line["rounding"] = row.rounding;
    } else {
      line["problem"] = row.problem;
    }
    printJsonLine(outs(), std::move(line));
  }
}

/// "ok"; with what rounding alone does, where that is what the row passes by.
static std::string verdictOf(const RecordedRow &row) {
  if (!row.passed())
    return "FAILED";
  return row.rounding > 0 ? "ok: rounding of the parameters moves it by " + formatNumber(row.rounding, 3) : "ok";
}

static void addRows(const RecordedReport &report, Table &table) {
  for (const RecordedRow &row : report.rows)
    if (row.problem.empty())
      table.add({report.name, row.what, formatNumber(row.error, 3), formatNumber(row.tolerance, 3), row.where,
                 verdictOf(row)});
    else
      table.add({report.name, row.what, "", "", StringRef(row.problem).split('\n').first.str(), "FAILED"});
}

Error VerifyCommand::run() {
  if (Error error = plugins.load())
    return error;
  Expected<CompileOptions> options = target.get();
  if (!options)
    return options.takeError();
  Table table({"case", "what", "error", "tolerance", "worst", ""});
  size_t failures = 0, rows = 0;
  for (const std::string &folder : folders) {
    Expected<RecordedReport> report = verifyRecordedRun(folder, *options);
    if (!report)
      return report.takeError();
    rows += report->rows.size();
    failures += size_t(count_if(report->rows, [](const RecordedRow &row) { return !row.passed(); }));
    if (!report->ignoredKeys.empty())
      errs() << report->name << ": keys that only say how values were drawn: " << join(report->ignoredKeys, ", ")
             << "\n";
    if (json)
      printJson(*report);
    else
      addRows(*report, table);
  }
  if (!json) {
    table.print(outs());
    outs() << formatv("{0} of {1} comparisons passed\n", rows - failures, rows);
  }
  return failures ? Error(make_error<SilentFailure>()) : Error::success();
}

std::unique_ptr<Command> makeVerifyCommand() { return std::make_unique<VerifyCommand>(); }

} // namespace moru
