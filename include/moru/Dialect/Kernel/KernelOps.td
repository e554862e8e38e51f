//===- KernelOps.td - types and operations of the kernel dialect -*- tablegen -*-===//
// Constraints are numbered; the same numbers stand in the verifier and in the names of tests.
//===----------------------------------------------------------------------===//

#ifndef MORU_DIALECT_KERNEL_KERNELOPS_TD
#define MORU_DIALECT_KERNEL_KERNELOPS_TD

include "moru/Dialect/Kernel/KernelDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===----------------------------------------------------------------------===//
// Layouts and buffers
//===----------------------------------------------------------------------===//

def Kernel_PanelsAttr : AttrDef<Kernel_Dialect, "Panels"> {
  let mnemonic = "panels";
  let summary = "the last axis cut into panels: the right-hand side of a contraction, packed";
  let description = [{
    The logical tensor `[batch…, K, N]` is stored as `[batch…, ceil(N / width), K, width]`: entry (b, k, n) lies at
    `((b * P + n / width) * K + k) * width + n % width` with P = ceil(N / width). Entries beyond N in the last panel are undefined; no
    result depends on them.

    Example: `!kernel.buffer<256x1000xf32, #kernel.panels<32>>` takes 32 panels of 256 x 32 entries.
  }];
  let parameters = (ins "int64_t":$width);
  let assemblyFormat = "`<` $width `>`";
}

def Kernel_TileSide : I32EnumAttr<"TileSide", "which operand of a contraction is in tiles", [
    I32EnumAttrCase<"Lhs", 0, "lhs">, I32EnumAttrCase<"Rhs", 1, "rhs">]> {
  let cppNamespace = "::moru::kernel";
}

def Kernel_TilesAttr : AttrDef<Kernel_Dialect, "Tiles"> {
  let mnemonic = "tiles";
  let summary = "split into parts of bf16 and cut into tiles: an operand of a contraction, packed for matrix units";
  let description = [{
    The logical tensor `[batch…, K, N]` of f32 (of an lhs N are its rows) is split: x = hi + mid (+ lo), each the bf16 nearest to what is left.
    It is stored as `[batch…, ceil(N / 32) panels, ceil(K / 32) blocks, planes, 2 halves, 16, 16]` pairs of bf16, in each pair (k, k + 16) of a block
    of 32. A tile of an rhs has a row for each pair and a column for each n; one of an lhs the other way round. The planes run from hi to lo;
    what lies beyond K or N is zero.

    Of bf16 there is one plane, the numbers themselves; pairs are (k, k + 1), so that a panel of an lhs lies as rows of memory do, and nothing
    stands behind the tiles.

    Behind all tiles of a split tensor stands a number for each half of a panel: 0, or 1 where one of its columns has an entry that is not finite or above 2^127,
    or none that is 2^-100 or more but one that is not zero. There the parts are not sums: hi is the upper and mid the lower half of the bits of x.

    Example: `!kernel.buffer<256x1000xf32, #kernel.tiles<rhs, 3>>`.
  }];
  let parameters = (ins EnumParameter<Kernel_TileSide>:$side, "int64_t":$planes);
  let assemblyFormat = "`<` $side `,` $planes `>`";
}

def Kernel_BufferType : TypeDef<Kernel_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "storage of a logical tensor in a layout";
  let description = [{
    `layout` is absent (row-major, dense), `strided<[…]>` (one stride in elements per axis), `#kernel.panels<width>` or
    `#kernel.tiles<side, planes>`.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape, "::mlir::Type":$elementType, "::mlir::Attribute":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let builders = [
    TypeBuilderWithInferredContext<(ins "::mlir::RankedTensorType":$tensor, CArg<"::mlir::Attribute", "{}">:$layout), [{
      return $_get(tensor.getContext(), tensor.getShape(), tensor.getElementType(), layout);
    }]>
  ];
  let extraClassDeclaration = [{
    /// The logical tensor that the buffer holds.
    ::mlir::RankedTensorType getTensorType() const;
    int64_t getRank() const { return getShape().size(); }
    /// Width of the panels, 0 where the layout is strided or row-major.
    int64_t getPanelWidth() const;
    /// The layout where it is in tiles, or null.
    TilesAttr getTiles() const;
    /// The layout is one of packed operands: panels or tiles.
    bool isPacked() const { return getPanelWidth() != 0 || getTiles(); }
    /// Strides in elements; only for row-major and strided layouts.
    ::llvm::SmallVector<int64_t> getStrides() const;
    /// Whether the entries lie densely in row-major order.
    bool isRowMajor() const;
    /// Bytes from the first to behind the last entry (panels: all of them).
    int64_t getSizeInBytes() const;
    /// Bytes of one entry (i1: 1).
    int64_t getElementBytes() const;
  }];
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_AllocOp : Kernel_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a buffer in the arena";
  let description = [{
    Constraints:
    - (C1) the layout is dense (row-major) or packed (panels, tiles).
    - (C2) `offset`, once planned, is a multiple of 64 and not negative.

    ```mlir
    %b = kernel.alloc : !kernel.buffer<32x10xf32>
    %c = kernel.alloc at 4096 : !kernel.buffer<32x10xf32>
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Kernel_BufferType:$result);
  let assemblyFormat = "(`at` $offset^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Kernel_ViewOp : Kernel_Op<"view", [Pure]> {
  let summary = "a part of a buffer, or the buffer seen under other strides";
  let description = [{
    The result's entry 0 is `offset` elements behind the source's entry 0.

    Constraints:
    - (C1) neither layout is packed, and the element types are equal.
    - (C2) the result lies within the source's storage.

    ```mlir
    %v = kernel.view %b at 8 : !kernel.buffer<32x11x8xf32> -> !kernel.buffer<32x10x8xf32, strided<[88, 8, 1]>>
    ```
  }];
  let arguments = (ins Kernel_BufferType:$source, I64Attr:$offset);
  let results = (outs Kernel_BufferType:$result);
  let assemblyFormat = "$source `at` $offset attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Kernel_SlotOp : Kernel_Op<"slot", [Pure]> {
  let summary = "the slice of a buffer that a step of a loop works on";
  let description = [{
    The slice at index `(scale * step + offset) mod modulus` (no mod where modulus is 0) along `axis`, without that axis. The step is a
    loop's, or the number of steps that a `kernel.while` has made.

    Constraints:
    - (C1) `axis` is within the rank; the layout of the source is not packed.
    - (C2) `scale` is 1 or -1, `modulus` is not negative.
    - (C3) the result's type is the source's without `axis`, with the same strides.

    ```mlir
    %s = kernel.slot %b[%t + 1 mod 2] axis 0 : !kernel.buffer<2x32x8xf32> -> !kernel.buffer<32x8xf32>
    ```
  }];
  let arguments = (ins Kernel_BufferType:$source, Index:$step, I64Attr:$scale, I64Attr:$offset, I64Attr:$modulus, I64Attr:$axis);
  let results = (outs Kernel_BufferType:$result);
  let assemblyFormat = [{
    $source `[` custom<SlotIndex>($step, $scale, $offset, $modulus) `]` `axis` $axis attr-dict `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Kernel_LoopOp : Kernel_Op<"loop", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "kernels in sequence, step by step";
  let description = [{
    Runs its body for step = 0 … length-1 (a scan that runs backwards counts in its slots).

    Constraints:
    - (C1) `length` is at least 1 and the body has one argument, the step, of type index.

    ```mlir
    kernel.loop %t to 10 { … }
    ```
  }];
  let arguments = (ins I64Attr:$length);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "int64_t":$length)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    ::mlir::BlockArgument getStep() { return getBodyBlock()->getArgument(0); }
  }];
}

def Kernel_PrepareOp : Kernel_Op<"prepare", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "kernels whose results are the same in every call, as long as the parameters are";
  let description = [{
    Runs its body. What it leaves in buffers depends on parameters alone, and nothing else writes there: a host that calls the function again,
    with the same parameters and an arena that nobody else has used, skips the body.

    Constraints:
    - (C1) the body has no arguments and holds kernels alone.

    ```mlir
    kernel.prepare { … }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
  }];
}

def Kernel_CondOp : Kernel_Op<"cond", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "kernels of one of two regions";
  let description = [{
    The host reads the truth value in `predicate` and runs the first region where it is true, the second where it is not.

    Constraints:
    - (C1) the predicate is one truth value; the regions have no arguments.

    ```mlir
    kernel.cond %p : !kernel.buffer<i1> { … } else { … }
    ```
  }];
  let arguments = (ins Arg<Kernel_BufferType, "", [MemRead]>:$predicate);
  let regions = (region SizedRegion<1>:$onTrue, SizedRegion<1>:$onFalse);
  let assemblyFormat = "$predicate attr-dict-with-keyword `:` type($predicate) $onTrue `else` $onFalse";
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$predicate)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBranch(bool value) { return &(value ? getOnTrue() : getOnFalse()).front(); }
  }];
}

def Kernel_WhileOp : Kernel_Op<"while", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "kernels in sequence, as long as a truth value holds";
  let description = [{
    For step = 0, 1, …: runs the condition; the host reads the truth value that it has left in `predicate`, and ends the loop where it is
    false, or else runs the body. The result is the number of times that the body was run: with it, a slot behind the loop finds what
    the last step wrote.

    Constraints:
    - (C1) the predicate is one truth value; each region has one argument, the step, of type index.

    ```mlir
    %count = kernel.while %p step %t : !kernel.buffer<i1> { … } do step %u { … }
    ```
  }];
  let arguments = (ins Arg<Kernel_BufferType, "", [MemRead]>:$predicate);
  let results = (outs Index:$count);
  let regions = (region SizedRegion<1>:$condition, SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$predicate)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getConditionBlock() { return &getCondition().front(); }
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    ::mlir::BlockArgument getConditionStep() { return getConditionBlock()->getArgument(0); }
    ::mlir::BlockArgument getStep() { return getBodyBlock()->getArgument(0); }
  }];
}

def Kernel_GroupOp : Kernel_Op<"group", [RecursiveMemoryEffects, SingleBlock, NoTerminator]> {
  let summary = "kernels that are launched together";
  let description = [{
    With `parts`: each kernel falls into that many equal parts along the first axis of its results (`Parts.h`), and part i of a kernel
    needs nothing of what earlier kernels of the group write but their parts i. A task runs part i of all kernels one after the other, and
    waits for nobody.

    Without: no kernel needs what another one writes, or writes what another one uses. The tasks of all kernels run in any order. A group
    with parts may stand for a kernel.

    In order of the program the kernels mean the same.

    Constraints:
    - (C1) the body holds kernels (or their launches) alone, without `parts` also groups with parts; and at least one.
    - (C2) `parts` is at least 1, and each launch has as many tasks.

    ```mlir
    kernel.group parts 8 { … }
    ```
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$parts);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "(`parts` $parts^)? attr-dict-with-keyword $body";
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "std::optional<int64_t>":$parts)>];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
  }];
}

def Kernel_Family : I32EnumAttr<"Family", "how a kernel is generated", [
    I32EnumAttrCase<"Map", 0, "map">, I32EnumAttrCase<"RowReduce", 1, "row_reduce">, I32EnumAttrCase<"ColumnReduce", 2, "column_reduce">,
    I32EnumAttrCase<"Contract", 3, "contract">, I32EnumAttrCase<"GatherScatter", 4, "gather_scatter">]> {
  let cppNamespace = "::moru::kernel";
  let genSpecializedAttr = 0;
}
def Kernel_FamilyAttr : EnumAttr<Kernel_Dialect, Kernel_Family, "family">;

def Kernel_ComputeOp : Kernel_Op<"compute", [IsolatedFromAbove, AttrSizedOperandSegments, SingleBlock,
    DeclareOpInterfaceMethods<MemoryEffectsOpInterface>]> {
  let summary = "one kernel";
  let description = [{
    The region's arguments are the logical tensors in `reads`, its yield gives those to store into `writes`. All reads of an entry
    that a kernel also writes (in place) see the old value.

    Families, and what their region may hold:
    - `map`: operations that compute each entry of a result from few entries of the operands: elementwise, broadcast, reshape, transpose,
      slice, pad, concat, iota, constant, gather. All results have the same shape. A result may be stored in panels: that is how operands of
      contractions are packed.
    - `row_reduce`: in addition reductions over the last axis of tensors of one shape [rows…, columns]; results have shape [rows…, columns]
      or [rows…].
    - `column_reduce`: one reduction over leading axes of [rows…, columns…], of anything a map may hold; the results have shape
      [columns…].
    - `contract`: exactly one `graph.contract`, whose lhs is an argument in a strided layout and whose rhs is an argument in panels, or both
      is for matrix units, its operands arguments in tiles (through a reshape where there are several contracted or free axes) or of any kind, to be split by the kernel, then an epilogue of elementwise operations on its result's shape.
    - `gather_scatter`: one `graph.scatter_add`; updates and ids may be computed as in a map.

    Constraints:
    - (C1) the region has one argument per entry of `reads`, of its logical tensor type.
    - (C2) the yield has one value per entry of `writes`, of its logical tensor type.
    - (C3) the region holds graph operations alone, none with regions and no gradient.
    - (C4) a `contract` kernel has exactly one `graph.contract`; the other families have none.

    ```mlir
    kernel.compute map "scale" reads(%a = %x) writes(%x) : (!kernel.buffer<4xf32>) -> (!kernel.buffer<4xf32>) {
      %0 = graph.add %a, %a : tensor<4xf32>
      kernel.yield %0 : tensor<4xf32>
    }
    ```
  }];
  let arguments = (ins Kernel_FamilyAttr:$family, StrAttr:$label, Variadic<Kernel_BufferType>:$reads, Variadic<Kernel_BufferType>:$writes);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [
    OpBuilder<(ins "::moru::kernel::Family":$family, "::llvm::StringRef":$label, "::mlir::ValueRange":$reads, "::mlir::ValueRange":$writes)>
  ];
  let extraClassDeclaration = [{
    ::mlir::Block *getBodyBlock() { return &getBody().front(); }
    YieldOp getYield();
  }];
}

def Kernel_YieldOp : Kernel_Op<"yield", [Pure, Terminator, ParentOneOf<["ComputeOp"]>, ReturnLike]> {
  let summary = "the tensors that a kernel stores";
  let description = "```mlir\nkernel.yield %0 : tensor<4xf32>\n```\n";
  let arguments = (ins Variadic<AnyRankedTensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

def Kernel_LaunchOp : Kernel_Op<"launch"> {
  let summary = "runs a kernel's function for a number of tasks";
  let description = [{
    Takes the place of `kernel.compute` once kernels are functions. The function's parameters are one memref per buffer (reads without
    duplicates, then writes; row-major or strided: the strides of the buffer; panels: `[batch…, P, K, width]`) and the task's number, an
    index in [0, tasks). Tasks are independent and may run in any order on any worker.

    Constraints:
    - (C1) `tasks` is at least 1.

    ```mlir
    kernel.launch @tanh(%x, %y : !kernel.buffer<8x4xf32>, !kernel.buffer<8x4xf32>) tasks 2
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<Kernel_BufferType>:$buffers, I64Attr:$tasks);
  let assemblyFormat = "$callee `(` ($buffers^ `:` type($buffers))? `)` `tasks` $tasks attr-dict";
  let hasVerifier = 1;
}

#endif // MORU_DIALECT_KERNEL_KERNELOPS_TD
