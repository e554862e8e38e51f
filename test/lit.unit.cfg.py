# The GoogleTest programs in build/test/unit, each case a test of its own; set-up as in lit.cfg.py.
import os
import sys

sys.path.insert(0, os.path.join(config.moru_source_root, "test"))
import gtest_format

lit_config.load_config(config, os.path.join(config.moru_source_root, "test", "lit.cfg.py"))
config.name = "MoruUnit"
config.test_format = gtest_format.GoogleTestCases()
config.test_source_root = config.test_exec_root = os.path.join(config.moru_build_root, "test", "unit")
