"""Writes modules that mislead a compiler into a folder: hostile_modules.py FOLDER."""
import sys

HUGE = "tensor<4611686018427387904x4xf32>"
LAST = 2**63 - 1


def function(argument, result, body):
    return f"func.func @f(%x: {argument}) -> {result} {{\n  %0 = {body} : {argument} -> {result}\n  return %0 : {result}\n}}\n"


MODULES = {
    "empty": "",
    "large": f"func.func @f(%x: {HUGE}) -> {HUGE} {{\n  %0 = graph.tanh %x : {HUGE}\n  return %0 : {HUGE}\n}}\n",
    "broadcast": function("tensor<4xf32>", HUGE, "graph.broadcast %x along [1]"),
    # 9e18 entries fit 63 bits, their bytes do not.
    "product": "func.func @f() -> tensor<3000000000x3000000000xi32> {\n  %0 = graph.iota along 1 : tensor<3000000000x3000000000xi32>\n"
               "  return %0 : tensor<3000000000x3000000000xi32>\n}\n",
    "pad": function(f"tensor<{LAST}xf32>", f"tensor<{LAST}xf32>", "graph.pad %x low [5] high [5] interior [0]"),
    "slice": function("tensor<2x3xf32>", "tensor<2x3xf32>", f"graph.slice %x from [{LAST}, -5] to [{LAST}, 3] by [{LAST}, 1]"),
    "stride": function("tensor<3xf32>", "tensor<2xf32>", f"graph.slice %x from [0] to [3] by [{LAST}]"),
    "concat": f"func.func @f(%x: tensor<{LAST}xi1>) -> tensor<8xi1> {{\n  %0 = graph.concat %x, %x along 0 : (tensor<{LAST}xi1>, tensor<{LAST}xi1>) "
              "-> tensor<8xi1>\n  return %0 : tensor<8xi1>\n}\n",
    "regions": "module {" * 100000,
    "types": "func.func private @f(" + "tuple<" * 10000 + "i32" + ">" * 10000 + ")",
    "bytecode": b"ML\xefR\x06 and no more",
    "nul": b"func.func @f() { return }\0\0garbage",
    "binary": b"\xff\xfe\x00\x01",
}

for name, text in MODULES.items():
    with open(f"{sys.argv[1]}/{name}.mlir", "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
