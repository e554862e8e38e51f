"""Plays an editor to a language server and prints what it answers: lsp_session.py SERVER."""
import json
import subprocess
import sys

WRONG = """func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> {
  // There is no axis 1.
  %0 = graph.transpose %x by [1] : tensor<2xf32> -> tensor<2xf32>
  %1 = graph.mul %0, %x : tensor<2xf32>
  return %1 : tensor<2xf32>
}
"""
RIGHT = WRONG.replace("by [1]", "by [0]")
URI = "file:///session.mlir"


class Editor:
    def __init__(self, server):
        self.process = subprocess.Popen([server], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.count = 0
        self.diagnostics = []

    def send(self, method, params, **more):
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if not length:
            raise SystemExit("expected a message, got the end of the server's output")
        return json.loads(self.process.stdout.read(length))

    def ask(self, method, params):
        """The answer to a request; notifications on the way are kept."""
        self.count += 1
        self.send(method, params, id=self.count)
        while (message := self.receive()).get("id") != self.count:
            self.note(message)
        if "error" in message:
            raise SystemExit(f"{method}: {message['error']}")
        return message["result"]

    def note(self, message):
        if message.get("method") == "textDocument/publishDiagnostics":
            self.diagnostics = message["params"]["diagnostics"]
            return True
        return False

    def wait_for_diagnostics(self):
        while not self.note(self.receive()):
            pass
        return self.diagnostics


def main():
    editor = Editor(sys.argv[1])
    result = editor.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    print("server:", result["serverInfo"]["name"])
    editor.send("initialized", {})
    document = {"uri": URI, "languageId": "mlir", "version": 1, "text": WRONG}
    editor.send("textDocument/didOpen", {"textDocument": document})
    for entry in editor.wait_for_diagnostics():
        start = entry["range"]["start"]
        severity = {1: "error", 2: "warning"}.get(entry["severity"], "note")
        print(f"diagnostic {start['line']}:{start['character']} {severity}: {entry['message']}")
    editor.send("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": RIGHT}]})
    print("diagnostics after the change:", len(editor.wait_for_diagnostics()))

    def at(line, word):
        return {"textDocument": {"uri": URI}, "position": {"line": line, "character": RIGHT.splitlines()[line].index(word) + 1}}

    print("hover:", editor.ask("textDocument/hover", at(3, "graph.mul"))["contents"]["value"].replace("\n", " "))
    place = editor.ask("textDocument/definition", at(3, "%0"))[0]["range"]["start"]
    print(f"definition of %0: {place['line']}:{place['character']}")
    print("references to %0:", len(editor.ask("textDocument/references", {**at(3, "%0"), "context": {"includeDeclaration": True}})))
    editor.ask("shutdown", None)
    editor.send("exit", None)
    print("exit status", editor.process.wait())


main()
