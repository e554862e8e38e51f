"""A lit format that makes each case of a GoogleTest program a test, and keeps the reason why a case skipped itself."""
import os
import re
import subprocess

import lit.Test
import lit.util
from lit.formats.base import TestFormat


class GoogleTestCases(TestFormat):
    """Runs program --gtest_filter=case for every program *Tests of the folder: a crash costs one case, not its neighbors."""

    def getTestsInDirectory(self, testSuite, path_in_suite, litConfig, localConfig):
        folder = testSuite.getSourcePath(path_in_suite)
        for name in sorted(os.listdir(folder)):
            program = os.path.join(folder, name)
            if name.endswith("Tests") and os.access(program, os.X_OK) and os.path.isfile(program):
                for case in self.list_cases(program, localConfig):
                    test = lit.Test.Test(testSuite, path_in_suite + (name, case), localConfig, file_path=program)
                    test.gtest_case = case
                    yield test

    def list_cases(self, program, config):
        """The names suite.case of the program, or one name that no program has if it does not even list them."""
        listing = subprocess.run([program, "--gtest_list_tests"], env=config.environment, capture_output=True, text=True)
        if listing.returncode != 0:
            return ["cannot.list"]
        suite, cases = "", []
        for line in listing.stdout.splitlines():
            word = line.split("#")[0].strip()
            if line.startswith("  "):
                cases.append(suite + word)
            elif word.endswith("."):
                suite = word
        return [case for case in cases if "DISABLED_" not in case]

    def execute(self, test, litConfig):
        command = [test.file_path, "--gtest_color=no", "--gtest_filter=" + test.gtest_case]
        out, err, status = lit.util.executeCommand(command, env=test.config.environment)
        output = f"$ {' '.join(command)}\n{out}{err}exit status {status}\n"
        if status != 0 or not re.search(r"\[ +(PASSED|SKIPPED) +\] [1-9]", out):
            return lit.Test.FAIL, output
        skipped = re.search(r"^\[ RUN .*?\]\s.*?\n(.*?)^\[  SKIPPED \]", out, re.S | re.M)
        if skipped:
            # GoogleTest prints `file:line: Skipped`, then the reason.
            reason = re.sub(r"^.*: Skipped\n", "", skipped.group(1), flags=re.M)
            return lit.Test.UNSUPPORTED, " ".join(reason.split())
        return lit.Test.PASS, ""
