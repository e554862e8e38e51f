// How a module is cut: every definition in one part, local ones with those who name them, the largest part first.
#include "CompilerTestUtils.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Object/ObjectFile.h"

#include <set>

using namespace moru;

namespace {

class CodePartsTest : public CompilerTest {
protected:
  CodePartsTest() { context.loadDialect<mlir::LLVM::LLVMDialect>(); }

  /// The names of each part, in order.
  std::vector<std::vector<std::string>> cut(llvm::StringRef text, size_t count) {
    auto module = parse(text);
    std::vector<std::vector<std::string>> names;
    for (const CodePart &part : cutIntoParts(*module, count)) {
      names.emplace_back();
      for (mlir::Operation *op : part.operations)
        names.back().push_back(mlir::SymbolTable::getSymbolName(op).str());
    }
    return names;
  }
};

/// Two kernels with their entries, one of which shares a constant with a third; a group of two; the host's function.
const char kProgram[] = R"(
llvm.func @outside()
llvm.mlir.global private constant @table(1.0 : f32) : f32
llvm.func internal @a(%x: !llvm.ptr) {
  %0 = llvm.mlir.addressof @table : !llvm.ptr
  %1 = llvm.load %0 : !llvm.ptr -> f32
  %2 = llvm.fadd %1, %1 : f32
  %3 = llvm.fadd %2, %1 : f32
  llvm.store %3, %x : f32, !llvm.ptr
  llvm.return
}
llvm.func @a_entry(%x: !llvm.ptr) {
  llvm.call @a(%x) : (!llvm.ptr) -> ()
  llvm.return
}
llvm.func internal @b(%x: !llvm.ptr) {
  llvm.return
}
llvm.func @b_entry(%x: !llvm.ptr) {
  llvm.call @b(%x) : (!llvm.ptr) -> ()
  llvm.return
}
llvm.func @c_entry(%x: !llvm.ptr) {
  %0 = llvm.mlir.addressof @table : !llvm.ptr
  llvm.return
}
llvm.func @step(%x: !llvm.ptr) {
  %0 = llvm.mlir.addressof @a_entry : !llvm.ptr
  %1 = llvm.mlir.addressof @b_entry : !llvm.ptr
  llvm.call @c_entry(%x) : (!llvm.ptr) -> ()
  llvm.call @outside() : () -> ()
  llvm.return
})";

TEST_F(CodePartsTest, LocalSymbolsStayWithThoseWhoNameThem) {
  std::vector<std::vector<std::string>> expected = {{"table", "a", "a_entry", "c_entry"}, {"step"}, {"b", "b_entry"}};
  EXPECT_EQ(cut(kProgram, 16), expected);
  EXPECT_EQ(cut(kProgram, 3), expected);
}

TEST_F(CodePartsTest, TheSmallestJoinEachOther) {
  std::vector<std::vector<std::string>> expected = {{"table", "a", "a_entry", "c_entry"}, {"step", "b", "b_entry"}};
  EXPECT_EQ(cut(kProgram, 2), expected);
  EXPECT_EQ(cut(kProgram, 1).size(), 1u);
}

TEST_F(CodePartsTest, LongFunctionsOfTheHostAreAlone) {
  std::string long1 = "llvm.func @step(%x: !llvm.ptr) {\n", long2 = "llvm.func @k_entry(%x: !llvm.ptr) {\n";
  for (int i = 0; i < 4000; ++i) {
    std::string line = "  %" + std::to_string(i) + " = llvm.load %x : !llvm.ptr -> i64\n";
    long1 += line;
    long2 += line;
  }
  auto module = parse(long1 + "llvm.return\n}\n" + long2 + "llvm.return\n}\nllvm.func @short() { llvm.return }");
  std::vector<CodePart> parts = cutIntoParts(*module, 1);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0].operations.size(), 2u);
  EXPECT_FALSE(parts[0].isLongHost);
  EXPECT_EQ(parts[1].operations.size(), 1u);
  EXPECT_TRUE(parts[1].isLongHost);
  EXPECT_EQ(llvm::cantFail(emitObjects(*module, Target::host(), CodeQuality::Optimized)).size(), 3u);
}

TEST_F(CodePartsTest, EverySymbolIsDefinedOnce) {
  auto module = parse(kProgram);
  std::vector<std::string> objects = llvm::cantFail(emitObjects(*module, Target::host(), CodeQuality::Optimized));
  EXPECT_EQ(objects.size(), 3u);
  std::multiset<std::string> defined, undefined;
  for (const std::string &object : objects) {
    auto file = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object, "test")));
    for (const llvm::object::SymbolRef &symbol : file->symbols()) {
      uint32_t flags = llvm::cantFail(symbol.getFlags());
      if (llvm::StringRef name = llvm::cantFail(symbol.getName()); flags & llvm::object::SymbolRef::SF_Undefined)
        undefined.insert(name.str());
      else if (flags & llvm::object::SymbolRef::SF_Global)
        defined.insert(name.str());
    }
  }
  EXPECT_EQ(defined, (std::multiset<std::string>{"a_entry", "b_entry", "c_entry", "step"}));
  for (const std::string &name : undefined)
    EXPECT_TRUE(name.empty() || name == "outside" || name == "_GLOBAL_OFFSET_TABLE_" || defined.count(name)) << name;
}

TEST_F(CodePartsTest, TheSameModuleGivesTheSameObjects) {
  auto module = parse(kProgram);
  EXPECT_EQ(llvm::cantFail(emitObjects(*module, Target::host(), CodeQuality::Optimized)),
            llvm::cantFail(emitObjects(*module, Target::host(), CodeQuality::Optimized)));
}

TEST_F(CodePartsTest, RejectsAModuleOfAnotherDialect) {
  auto module = parse("func.func @f() { return }");
  auto objects = emitObjects(*module, Target::host(), CodeQuality::Optimized);
  ASSERT_FALSE(bool(objects));
  EXPECT_NE(llvm::toString(objects.takeError()).find("expected a module of the LLVM dialect only"), std::string::npos);
  EXPECT_NE(diagnostics.find("func.func"), std::string::npos) << diagnostics;
}

} // namespace
