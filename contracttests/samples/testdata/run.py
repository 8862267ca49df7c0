"""Runs the programs that lines of JSON name, each in a directory of its own. After the output of each stands, behind a NUL,
what came of it."""

import json
import os
import runpy
import sys
import traceback

for line in sys.stdin:
    job = json.loads(line)
    os.chdir(job["dir"])
    try:
        runpy.run_path(job["path"], run_name="__main__")
        print("\0done", flush=True)
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        print("\0failed", flush=True)
