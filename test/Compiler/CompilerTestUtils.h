// What the tests of this folder share: a context with the dialects below the graph, and the way from text to an
// executable.
#ifndef MORU_TEST_COMPILER_COMPILERTESTUTILS_H
#define MORU_TEST_COMPILER_COMPILERTESTUTILS_H

#include "moru/Compiler/LoadExecutable.h"
#include "moru/Compiler/ReadSignature.h"
#include "moru/Conversion/LoopsToLLVM/LoopsToLLVM.h"
#include "moru/Dialect/Kernel/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "gtest/gtest.h"

#include <string>

namespace moru {

class CompilerTest : public testing::Test {
protected:
  CompilerTest() {
    context.loadDialect<graph::GraphDialect, kernel::KernelDialect, mlir::func::FuncDialect,
                        mlir::memref::MemRefDialect, mlir::scf::SCFDialect, mlir::vector::VectorDialect,
                        mlir::arith::ArithDialect, mlir::math::MathDialect>();
    context.getDiagEngine().registerHandler(
        [this](mlir::Diagnostic &diagnostic) { diagnostics += diagnostic.str() + "\n"; });
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(llvm::StringRef text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << diagnostics;
    return module;
  }

  /// Runs loops-to-llvm.
  mlir::LogicalResult lower(mlir::ModuleOp module) {
    mlir::PassManager manager(&context);
    manager.addPass(createLoopsToLLVM());
    return manager.run(module);
  }

  /// Code for a module of the loops stage.
  Codegen generate(llvm::StringRef text, CompileOptions options = {}) {
    auto module = parse(text);
    EXPECT_TRUE(mlir::succeeded(lower(*module))) << diagnostics;
    return llvm::cantFail(Codegen::create(*module, options.target, options.quality));
  }

  Executable load(llvm::StringRef text, CompileOptions options = {}) {
    options.cache = false;
    auto module = parse(text);
    auto signature = readSignature(*module);
    EXPECT_TRUE(mlir::succeeded(signature)) << diagnostics;
    EXPECT_TRUE(mlir::succeeded(lower(*module))) << diagnostics;
    return llvm::cantFail(loadExecutable(*module, *signature, options));
  }

  mlir::MLIRContext context;
  std::string diagnostics;
};

} // namespace moru

#endif // MORU_TEST_COMPILER_COMPILERTESTUTILS_H
