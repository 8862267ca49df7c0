"""Installs the wheel that is named into an environment of its own, and imports it there."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

PROGRAM = """
import pathlib, plotwise
assert pathlib.Path(plotwise.__file__).with_name("py.typed").exists()
with plotwise.Plotwise(api_key="pw_live_x") as client:
    print("plotwise", plotwise.__version__, "is installed:", client)
"""


def main(wheel: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = str(Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wheel], check=True)
        subprocess.run([python, "-I", "-c", PROGRAM], check=True, cwd=folder)


if __name__ == "__main__":
    main(sys.argv[1])
