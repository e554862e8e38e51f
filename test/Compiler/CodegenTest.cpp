// Generated code as an artefact: vector widths, fused multiply-adds, and no call of anything but the runtime.
#include "CompilerTestUtils.h"

#include "llvm/IR/IntrinsicInst.h"
#include "llvm/Object/ObjectFile.h"

#include <cmath>

using namespace moru;

namespace {

/// One kernel with everything that tends to become a call: transcendental functions, a copy, a zeroed buffer, a 2-D
/// transfer.
const char kMath[] = R"(
func.func private @math(%x: memref<64x16xf32>, %y: memref<64x16xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c64 step %c1 {
    scf.for %j = %c0 to %c16 step %c1 {
      memref.store %zero, %y[%i, %j] : memref<64x16xf32>
    }
  }
  scf.for %i = %c0 to %c64 step %c1 {
    %v = vector.load %x[%i, %c0] : memref<64x16xf32>, vector<16xf32>
    %a = math.exp %v : vector<16xf32>
    %b = math.tanh %a : vector<16xf32>
    %c = math.log %a : vector<16xf32>
    %d = math.erf %b : vector<16xf32>
    %e = math.sqrt %a : vector<16xf32>
    %f = math.fma %b, %c, %d : vector<16xf32>
    %g = arith.mulf %e, %f fastmath<contract> : vector<16xf32>
    %h = arith.addf %g, %v fastmath<contract> : vector<16xf32>
    %p = math.powf %a, %e : vector<16xf32>
    %q = arith.addf %h, %p : vector<16xf32>
    vector.store %q, %y[%i, %c0] : memref<64x16xf32>, vector<16xf32>
  }
  return
}
func.func private @copy(%x: memref<64x16xf32>, %y: memref<64x16xf32>, %task: index) attributes {kernel.family = "map"} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %c64 = arith.constant 64 : index
  %zero = arith.constant 0.0 : f32
  scf.for %i = %c0 to %c64 step %c1 {
    scf.for %j = %c0 to %c16 step %c1 {
      %v = memref.load %x[%i, %j] : memref<64x16xf32>
      memref.store %v, %y[%i, %j] : memref<64x16xf32>
    }
  }
  %t = vector.transfer_read %x[%c0, %c0], %zero {in_bounds = [true, true]} : memref<64x16xf32>, vector<4x16xf32>
  vector.transfer_write %t, %y[%c0, %c0] {in_bounds = [true, true]} : vector<4x16xf32>, memref<64x16xf32>
  return
}
func.func @f(%x: !kernel.buffer<64x16xf32> {graph.name = "x"}, %y: !kernel.buffer<64x16xf32> {graph.name = "y", graph.role = "output"}) {
  %t = kernel.alloc at 0 : !kernel.buffer<64x16xf32>
  kernel.launch @math(%x, %t : !kernel.buffer<64x16xf32>, !kernel.buffer<64x16xf32>) tasks 1
  kernel.launch @copy(%t, %y : !kernel.buffer<64x16xf32>, !kernel.buffer<64x16xf32>) tasks 1
  return
})";

class CodegenTest : public CompilerTest {
protected:
  /// Everything that the object needs from elsewhere.
  std::vector<std::string> undefinedSymbols(llvm::StringRef object) {
    auto file = llvm::cantFail(llvm::object::ObjectFile::createELFObjectFile(llvm::MemoryBufferRef(object, "test")));
    std::vector<std::string> names;
    for (const llvm::object::SymbolRef &symbol : file->symbols())
      if (llvm::cantFail(symbol.getFlags()) & llvm::object::SymbolRef::SF_Undefined)
        if (llvm::StringRef name = llvm::cantFail(symbol.getName()); !name.empty() && name != "_GLOBAL_OFFSET_TABLE_")
          names.push_back(name.str());
    return names;
  }
};

TEST_F(CodegenTest, CallsNothingByName) {
  for (const char *name : {"x86-64-v3", "x86-64-v4"}) {
    for (CodeQuality quality : {CodeQuality::Optimized, CodeQuality::Plain}) {
      Codegen codegen = generate(kMath, {.target = Target::parse(name).take(), .quality = quality});
      EXPECT_EQ(undefinedSymbols(llvm::cantFail(codegen.emitObject())), std::vector<std::string>()) << name;
    }
  }
}

// In a kernel there is no call at all; in the host's function only those of parallel_for, through its pointer.
TEST_F(CodegenTest, KernelsHoldNoCalls) {
  Codegen codegen = generate(kMath, {.target = Target::parse("x86-64-v4").take()});
  for (const llvm::Function &function : codegen.module()) {
    for (const llvm::BasicBlock &block : function) {
      for (const llvm::Instruction &instruction : block) {
        const auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
        if (!call || llvm::isa<llvm::IntrinsicInst>(call))
          continue;
        EXPECT_EQ(function.getName(), "f");
        EXPECT_TRUE(call->isIndirectCall());
      }
    }
  }
}

TEST_F(CodegenTest, UsesTheTargetsVectors) {
  std::string wide = llvm::cantFail(generate(kMath, {.target = Target::parse("x86-64-v4").take()}).emitAssembly());
  EXPECT_NE(wide.find("%zmm"), std::string::npos);
  EXPECT_NE(wide.find("vfmadd"), std::string::npos);
  std::string narrow = llvm::cantFail(generate(kMath, {.target = Target::parse("x86-64-v3").take()}).emitAssembly());
  EXPECT_EQ(narrow.find("%zmm"), std::string::npos);
  EXPECT_NE(narrow.find("%ymm"), std::string::npos);
  EXPECT_NE(narrow.find("vfmadd"), std::string::npos);
}

TEST_F(CodegenTest, EmitsTheSameObjectTwice) {
  Codegen codegen = generate(kMath);
  EXPECT_EQ(llvm::cantFail(codegen.emitObject()), llvm::cantFail(codegen.emitObject()));
  EXPECT_EQ(llvm::cantFail(codegen.emitObject()), llvm::cantFail(generate(kMath).emitObject()));
  EXPECT_NE(codegen.emitLLVM().find("target triple"), std::string::npos);
}

TEST_F(CodegenTest, ApproximatesWell) {
  Executable exe = load(kMath);
  HostTensor x = HostTensor::zeros(ElementType::F32, {64, 16});
  for (int64_t i = 0; i < x.numElements(); ++i)
    x.set(i, -4.0 + 8.0 * double(i) / double(x.numElements()));
  Outputs out = exe(x);
  ASSERT_TRUE(out) << out.message();
  for (int64_t i = 0; i < x.numElements(); ++i) {
    double v = x.at(i), a = std::exp(v), b = std::tanh(a), e = std::sqrt(a);
    double expected = e * (b * std::log(a) + std::erf(b)) + v + std::pow(a, e);
    // The exponent of pow is up to 30, which multiplies the relative error of exp and log.
    ASSERT_NEAR(out["y"].at(i), expected, 1e-5 * (1 + std::abs(expected))) << "x = " << v;
  }
}

TEST_F(CodegenTest, RejectsAModuleOfAnotherDialect) {
  auto module = parse("func.func @f() { return }");
  auto codegen = Codegen::create(*module, Target::host(), CodeQuality::Optimized);
  ASSERT_FALSE(bool(codegen));
  EXPECT_NE(llvm::toString(codegen.takeError()).find("expected a module of the LLVM dialect only"), std::string::npos);
}

} // namespace
